package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// machine writes what a figure depends on: the date, the machine and the
// versions. load is the load average before the run.
func machine(w io.Writer, load string) {
	fmt.Fprintf(w, "%s, %s, %d CPUs, load average %s before, %s %s/%s\n",
		time.Now().Format(time.DateOnly), cpuModel(), runtime.NumCPU(), load, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, path := range []string{"github.com/wneessen/go-mail", "github.com/knadh/smtppool/v2"} {
		for _, dep := range info.Deps {
			if dep.Path == path {
				fmt.Fprintln(w, dep.Path, dep.Version)
			}
		}
	}
}

// cpuModel returns the name of the first processor as Linux gives it.
func cpuModel() string {
	const unknown = "unknown CPU"
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// loadAverage returns the load of the last minute as Linux counts it: a busy
// machine measures its other work.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	load, _, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return "unknown"
	}
	return load
}
