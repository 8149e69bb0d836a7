package main

// tools is what this program can do, by the names of its links. true and
// false are answered before the table is looked at.
func tools() []tool {
	return []tool{
		{"true", nil}, {"false", nil},
		{"basename", basename}, {"cat", cat}, {"chmod", chmod}, {"chown", chown},
		{"cp", cp}, {"cut", cut}, {"date", date}, {"df", df}, {"dirname", dirname},
		{"eat", eat}, {"echo", echo}, {"env", env}, {"find", find}, {"free", free},
		{"grep", grep}, {"head", head}, {"hostname", hostname}, {"id", id},
		{"kill", kill}, {"ln", ln}, {"ls", ls}, {"mkdir", mkdir}, {"mktemp", mktemp},
		{"mount", mountTool}, {"mv", mv}, {"nproc", nproc}, {"ps", ps}, {"pwd", pwd},
		{"readlink", readlink}, {"rm", rm}, {"rmdir", rmdir}, {"sed", sed}, {"seq", seq},
		{"sleep", sleep}, {"sort", sortLines}, {"spin", spin}, {"stat", stat},
		{"sync", syncDisks}, {"tail", tail}, {"tee", tee}, {"touch", touch}, {"tr", tr},
		{"tty", tty}, {"umount", umount}, {"uname", uname}, {"uniq", uniq}, {"wc", wc},
		{"which", which}, {"whoami", whoami}, {"xargs", xargs}, {"yes", yes},
	}
}
