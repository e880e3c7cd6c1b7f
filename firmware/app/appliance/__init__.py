"""The door as a flashed device: settings from the boot partition, its network, its slots. Only the image uses it."""
