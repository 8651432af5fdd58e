"""What `pos-agent display` does: look, test, show, imitate and adopt customer displays."""
