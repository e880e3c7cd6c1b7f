# Chooses the root slot and starts its kernel. slots.env on the FAT partition says which slot comes first and how many tries each has left; a slot
# that is never confirmed runs out of tries, and the other one boots. A file that is missing or broken means: a, then b.
setenv order "a b"
setenv left_a 3
setenv left_b 3
if load ${devtype} ${devnum}:1 ${ramdisk_addr_r} slots.env; then env import -t ${ramdisk_addr_r} ${filesize} order left_a left_b; fi
setenv slot
for each in ${order}; do
    if test "${each}" = a; then setenv left ${left_a}; else setenv left ${left_b}; fi
    if test -z "${slot}" && test "${left}" -gt 0 && test -e ${devtype} ${devnum}:1 ${each}/vmlinuz; then setenv slot ${each}; fi
done
if test -z "${slot}"; then
    echo "no slot has tries left: all begin anew"
    setenv left_a 3
    setenv left_b 3
    for each in ${order}; do
        if test -z "${slot}" && test -e ${devtype} ${devnum}:1 ${each}/vmlinuz; then setenv slot ${each}; fi
    done
fi
# A slot that proved itself has 9 tries, and none is taken: a good slot does not wear out, and the card is not written at each boot.
if test "${slot}" = a; then
    if test "${left_a}" -lt 9; then setexpr left_a ${left_a} - 1; fi
else
    if test "${left_b}" -lt 9; then setexpr left_b ${left_b} - 1; fi
fi
setenv write no
if test "${left_a}" -lt 9 && test "${slot}" = a; then setenv write yes; fi
if test "${left_b}" -lt 9 && test "${slot}" = b; then setenv write yes; fi
if test "${write}" = yes; then
    env export -t ${ramdisk_addr_r} order left_a left_b
    fatwrite ${devtype} ${devnum}:1 ${ramdisk_addr_r} slots.env ${filesize}
fi
load ${devtype} ${devnum}:1 ${ramdisk_addr_r} ${slot}/boot.env
env import -t ${ramdisk_addr_r} ${filesize} args
setenv bootargs "${args} portero.slot=${slot}"
# Whoever looks for a fault may add kernel options: a file options.env with a line such as options=console=ttyS0,115200
if load ${devtype} ${devnum}:1 ${ramdisk_addr_r} options.env; then
    env import -t ${ramdisk_addr_r} ${filesize} options
    setenv bootargs "${bootargs} ${options}"
fi
if test -z "${fdt_addr}"; then setenv fdt_addr ${fdtcontroladdr}; fi
load ${devtype} ${devnum}:1 ${kernel_addr_r} ${slot}/vmlinuz
load ${devtype} ${devnum}:1 ${ramdisk_addr_r} ${slot}/initrd
booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
