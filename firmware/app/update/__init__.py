"""Updates of a flashed device: which slot boots, what may be installed, and whether what was installed works. Only the image uses it."""
