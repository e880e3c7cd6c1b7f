"""The control socket: JSON lines that drive a running daemon. The protocol is described in docs/ctl.md."""
