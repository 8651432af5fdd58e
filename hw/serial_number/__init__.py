"""Where a terminal's serial number may be written, one kind of place in each module.

What is found is given exactly as found, less what frames it: the newline that ends a text file and
every sysfs attribute, the NUL that ends a device tree string, the padding of a field in a memory.
Whoever judges the value sees everything else.

    there is no such thing here    None: the caller asks its next source
    it cannot be read (just now)   HardwareError: the caller waits. A weaker source in its place
                                   would make this another terminal
    it was read and is no serial   a Reading, with `refused` where only the source can know

`docs/identity.md` has the rule for each errno.
"""
