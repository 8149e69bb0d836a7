package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// database reads passwd(5) or group(5): lines of fields between colons.
func database(file string) [][]string {
	text, _ := os.ReadFile(file)
	var all [][]string
	for line := range strings.SplitSeq(string(text), "\n") {
		if entry := strings.Split(line, ":"); len(entry) > 2 {
			all = append(all, entry)
		}
	}
	return all
}

// named finds the name of an id, or gives the id back.
func named(file, id string) string {
	for _, entry := range database(file) {
		if entry[2] == id {
			return entry[0]
		}
	}
	return id
}

func id(c *call) error {
	if err := c.options("ugnG", ""); err != nil {
		return err
	}
	user, group := strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	userName, groupName := named("/etc/passwd", user), named("/etc/group", group)
	if c.has('n') {
		user, group = userName, groupName
	}
	all, err := os.Getgroups()
	if err != nil {
		return err
	}
	switch {
	case c.has('u'):
		fmt.Fprintln(c.out, user)
	case c.has('g'):
		fmt.Fprintln(c.out, group)
	case c.has('G'):
		fmt.Fprintln(c.out, strings.Join(append([]string{group}, texts(all)...), " "))
	default:
		fmt.Fprintf(c.out, "uid=%s(%s) gid=%s(%s)", user, userName, group, groupName)
		for i, g := range texts(all) {
			fmt.Fprintf(c.out, "%s%s(%s)", []string{" groups=", ","}[min(i, 1)], g, named("/etc/group", g))
		}
		fmt.Fprintln(c.out)
	}
	return nil
}

// texts writes numbers out.
func texts(numbers []int) []string {
	var all []string
	for _, n := range numbers {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

func whoami(c *call) error {
	_, err := fmt.Fprintln(c.out, named("/etc/passwd", strconv.Itoa(os.Geteuid())))
	return err
}

// hostname shows or sets the name. See sethostname(2): it belongs to the UTS
// namespace.
func hostname(c *call) error {
	if err := c.options("fsi", ""); err != nil {
		return err
	}
	if len(c.args) > 0 {
		if err := unix.Sethostname([]byte(c.args[0])); err != nil {
			return fmt.Errorf("set the host name to %s: %w", c.args[0], err)
		}
		return nil
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, name)
	return err
}

// uname shows what uname(2) tells.
func uname(c *call) error {
	if err := c.options("asnrvmo", ""); err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	parts := map[byte][]byte{'s': u.Sysname[:], 'n': u.Nodename[:], 'r': u.Release[:], 'v': u.Version[:], 'm': u.Machine[:]}
	var words []string
	for _, letter := range []byte("snrvm") {
		if c.has(letter) || c.has('a') || len(c.set) == 0 && letter == 's' {
			words = append(words, unix.ByteSliceToString(parts[letter]))
		}
	}
	if c.has('a') || c.has('o') {
		words = append(words, "GNU/Linux")
	}
	_, err := fmt.Fprintln(c.out, strings.Join(words, " "))
	return err
}

func date(c *call) error {
	if err := c.options("uIR", "d"); err != nil {
		return err
	}
	now := time.Now()
	if c.has('u') {
		now = now.UTC()
	}
	if since, ok := strings.CutPrefix(c.set['d'], "@"); ok {
		seconds, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return fmt.Errorf("not a time: %q", c.set['d'])
		}
		now = time.Unix(seconds, 0).In(now.Location())
	}
	form := "+%a %b %e %H:%M:%S %Z %Y"
	switch {
	case len(c.args) > 0:
		form = c.args[0]
	case c.has('I'):
		form = "+%F"
	case c.has('R'):
		form = "+%a, %d %b %Y %H:%M:%S %z"
	}
	if form == "" || form[0] != '+' {
		return fmt.Errorf("a format begins with +, not %q", form)
	}
	_, err := fmt.Fprintln(c.out, dateText(form[1:], now))
	return err
}

// dateText fills in a format of strftime(3).
func dateText(form string, t time.Time) string {
	pairs := []string{"%%", "%", "%n", "\n", "%t", "\t", "%s", strconv.FormatInt(t.Unix(), 10), "%N", fmt.Sprintf("%09d", t.Nanosecond())}
	for letter, layout := range map[string]string{
		"%a": "Mon", "%A": "Monday", "%b": "Jan", "%B": "January", "%d": "02", "%e": "_2", "%m": "01", "%y": "06", "%Y": "2006",
		"%H": "15", "%I": "03", "%M": "04", "%S": "05", "%p": "PM", "%Z": "MST", "%z": "-0700", "%j": "002",
		"%F": "2006-01-02", "%T": "15:04:05", "%R": "15:04", "%D": "01/02/06", "%c": "Mon Jan _2 15:04:05 2006",
	} {
		pairs = append(pairs, letter, t.Format(layout))
	}
	return strings.NewReplacer(pairs...).Replace(form)
}

// mountTool lists the mounts or adds one. See mount(2) and proc_pid_mounts(5).
func mountTool(c *call) error {
	if err := c.options("rw", "to"); err != nil {
		return err
	}
	if len(c.args) == 0 {
		text, err := os.ReadFile("/proc/mounts")
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 {
				fmt.Fprintf(c.out, "%s on %s type %s (%s)\n", f[0], f[1], f[2], f[3])
			}
		}
		return err
	}
	if err := c.want(2, "[-t TYPE] [-o OPTIONS] SOURCE TARGET"); err != nil {
		return err
	}
	flags, data := mountOptions(c.set['o'])
	if c.has('r') {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount(c.args[0], c.args[1], c.set['t'], flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", c.args[0], c.args[1], err)
	}
	return nil
}

// mountOptions parts the options that are flags of mount(2) from those that
// the file system itself understands.
func mountOptions(text string) (flags uintptr, data string) {
	known := map[string]uintptr{
		"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "bind": unix.MS_BIND,
		"rbind": unix.MS_BIND | unix.MS_REC, "remount": unix.MS_REMOUNT, "private": unix.MS_PRIVATE, "shared": unix.MS_SHARED,
		"slave": unix.MS_SLAVE, "rprivate": unix.MS_PRIVATE | unix.MS_REC, "rw": 0, "": 0,
	}
	var rest []string
	for option := range strings.SplitSeq(text, ",") {
		flag, ok := known[option]
		if !ok {
			rest = append(rest, option)
		}
		flags |= flag
	}
	return flags, strings.Join(rest, ",")
}

// umount takes mounts away. See umount(2).
func umount(c *call) error {
	if err := c.options("lf", ""); err != nil {
		return err
	}
	flags := 0
	if c.has('l') {
		flags = unix.MNT_DETACH
	}
	return c.each(func(name string) error {
		if err := unix.Unmount(name, flags); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// df shows what statfs(2) tells of the mounts, or of the named files.
func df(c *call) error {
	if err := c.options("hkTaP", ""); err != nil {
		return err
	}
	text, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%-20s %10s %10s %10s %5s %s\n", "Filesystem", "Size", "Used", "Available", "Use%", "Mounted on")
	if len(c.args) > 0 {
		return c.each(func(name string) error { return c.space(name, name) })
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 {
			_ = c.space(f[0], f[1]) // a mount that may not be looked at is left out
		}
	}
	return nil
}

// space prints one line of df, in KiB or with -h in letters.
func (c *call) space(source, target string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if st.Blocks == 0 && !c.has('a') {
		return nil
	}
	block := uint64(st.Bsize)
	size := func(blocks uint64) string {
		if c.has('h') {
			return human(blocks * block)
		}
		return strconv.FormatUint(blocks*block/1024, 10)
	}
	used := st.Blocks - st.Bfree
	share := used * 100 / max(1, used+st.Bavail)
	_, err := fmt.Fprintf(c.out, "%-20s %10s %10s %10s %4d%% %s\n", source, size(st.Blocks), size(used), size(st.Bavail), share, target)
	return err
}

func free(c *call) error {
	if err := c.options("mhk", ""); err != nil {
		return err
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	kib := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 {
			kib[strings.TrimSuffix(f[0], ":")], _ = strconv.ParseUint(f[1], 10, 64)
		}
	}
	size := func(n uint64) string {
		switch {
		case c.has('h'):
			return human(n * 1024)
		case c.has('m'):
			return strconv.FormatUint(n/1024, 10)
		}
		return strconv.FormatUint(n, 10)
	}
	total, available := kib["MemTotal"], kib["MemAvailable"]
	fmt.Fprintf(c.out, "%6s %12s %12s %12s\n", "", "total", "used", "available")
	fmt.Fprintf(c.out, "%-6s %12s %12s %12s\n", "Mem:", size(total), size(total-available), size(available))
	swap := kib["SwapTotal"]
	fmt.Fprintf(c.out, "%-6s %12s %12s %12s\n", "Swap:", size(swap), size(swap-kib["SwapFree"]), size(kib["SwapFree"]))
	return nil
}

// nproc counts the processors that sched_getaffinity(2) leaves to us.
func nproc(c *call) error {
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	_, err := fmt.Fprintln(c.out, cpus.Count())
	return err
}

// syncDisks is sync(2).
func syncDisks(*call) error {
	unix.Sync()
	return nil
}

// tty tells whether standard input is a terminal, and which. See tty(4).
func tty(c *call) error {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err != nil {
		fmt.Fprintln(c.out, "not a tty")
		return status(1)
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, name)
	return err
}
