"""The camera beside the call: RTSP (RFC 2326), loaded only where the configuration wants it."""
