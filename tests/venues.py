"""Real HTTP servers that answer as a test says."""

import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager

from aiohttp import web

ID, KEY = "client-of-tests", "key-of-tests"


@asynccontextmanager
async def gateway(handler):
    """A server whose every path and method is answered by the handler: its base URL."""

    async def answer(request):
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)  # a log of the venue, not of ours
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def params_of(request):
    """What a request asks, wherever it says so."""
    if request.method == "GET":
        return dict(request.query)
    if request.content_type == "application/json":
        return await request.json()
    return dict(await request.post())


def date_of(now_s):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now_s))


def said(code, message, data=None, now_s=None, **headers):
    body = {"code": code, "msg": message, "data": data}
    if now_s is not None:
        body["time"] = now_s
    return web.Response(body=json.dumps(body), content_type="application/json", headers=headers)


class SigningVenue:
    """Checks signatures as the exchange's document says, with code of its own; its clock may be off.

    `refuse` words the refusals: some venues tell what is wrong, others say "signature error" to all of it.
    `tells_time` "public": public answers do, and `Date` is of another machine.
    """

    refusal_status = 200

    def __init__(self, data, off_s=0.0, words=None, tells_time="Date"):
        self.data = data
        self.off_s = off_s
        self.words = words or {}
        self.tells_time = tells_time
        self.asked = []
        self.nonces = set()

    def now_s(self):
        return time.time() + self.off_s

    async def __call__(self, request):
        params = await params_of(request)
        self.asked.append((request.method, request.path, params))
        is_public = "/market/" in request.path
        wrong = None if is_public else self.wrong(params)
        now_s = self.now_s()
        told = {"Date": date_of(now_s) if self.tells_time == "Date" else "never"}
        if self.tells_time == "public":
            told = {"Date": date_of(time.time())}
        tells = self.tells_time == "time" or (self.tells_time == "public" and is_public)
        in_body = round(now_s, 3) if tells else None
        if wrong:
            answer = said(1_010_313, self.words.get(wrong, "signature error"), now_s=in_body, **told)
            answer.set_status(self.refusal_status)
            return answer
        return said(0, "success", self.data, now_s=in_body, **told)

    def wrong(self, params):
        text = f"client_id={params['client_id']}&nonce={params['nonce']}&ts={params['ts']}"
        made = hmac.new(KEY.encode(), text.encode(), digestmod=hashlib.sha256).hexdigest()
        if params["client_id"] != ID or made != params["sign"]:
            return "key"
        if abs(self.now_s() - int(params["ts"])) > 5:
            return "time"
        if params["nonce"] in self.nonces:
            return "nonce"
        self.nonces.add(params["nonce"])
        return None
