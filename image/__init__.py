"""How Portero gets onto a device: Debian packages and the flashable image. Runs on a build machine, never on the door."""
