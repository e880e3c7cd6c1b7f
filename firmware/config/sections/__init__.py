"""The sections of `portero.toml`, by what they are about; `firmware.config.schema` puts them together."""
