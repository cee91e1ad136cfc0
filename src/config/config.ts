/** The configuration of a node after parsing: every default filled in, durations in milliseconds, sizes in bytes. Keys are those of the file. */
