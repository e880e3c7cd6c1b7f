# This kernel is larger than the room that U-Boot leaves between kernel and RAM disk on a Raspberry Pi: the RAM disk goes 80 MiB above its start.
setexpr ramdisk_addr_r ${kernel_addr_r} + 5000000
