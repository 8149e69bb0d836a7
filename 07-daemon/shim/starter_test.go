package shim

import (
	"encoding/json"
	"fmt"
	"os"
)

// starter plays a daemon that dies: it reads a bundle from its input, starts
// it, releases it if its argument says so, says the container's pid, and waits
// to be killed.
func starter() int {
	var b Bundle
	if err := json.NewDecoder(os.Stdin).Decode(&b); err != nil {
		fmt.Println(err)
		return 1
	}
	binary, err := Seal("/proc/self/exe")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s, err := binary.Start(b, nil)
	if err == nil && os.Args[1] == "release" {
		err = s.Release()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.Pid())
	select {}
}
