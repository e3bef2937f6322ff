"""What `analytics.frames` offers, by what it looks at."""
