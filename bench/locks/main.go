// Locks counts the mutexes that a message takes. It copies a checkout, puts a
// counting mutex in the place of each sync.Mutex and sync.RWMutex of the root,
// pool and throttle, named after its type and field, and runs ../cost there.
//
//	go run ./locks [-checkout ..] [arguments of cost]
//
// Without arguments it counts 10,000 messages of one recipient over four
// connections, after a warm run. The longest hold is printed as well. With
// "wait -n 1000000 -ask Stats" it shows how long Stats keeps others out while so
// many messages wait: once by the clock, with what else the machine did meanwhile,
// and on Linux once by the processor's time of the hold alone.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages are the directories whose mutexes are counted.
var packages = []string{".", "pool", "throttle"}

func main() {
	checkout := flag.String("checkout", "..", "the checkout to measure; it is not changed")
	flag.Parse()
	args := flag.Args()
	if len(args) == 0 {
		args = []string{"send", "-n", "10000", "-warm", "10000"}
	}
	if err := measure(*checkout, args); err != nil {
		fmt.Fprintln(os.Stderr, "locks:", err)
		os.Exit(1)
	}
}

func measure(checkout string, args []string) error {
	work, err := os.MkdirTemp("", "locks")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := copyTree(checkout, work); err != nil {
		return err
	}
	var names []string
	for _, dir := range packages {
		if names, err = rewritePackage(filepath.Join(work, dir), names); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: no mutex found in %s", checkout, strings.Join(packages, ", "))
	}
	files := map[string]string{
		"internal/lockcount/lockcount.go": counter(names),
		"bench/cost/lockcount.go":         hook,
	}
	for name, text := range clocks {
		files["internal/lockcount/clock_"+name+".go"] = text
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	cmd := exec.Command("go", append([]string{"run", "./cost"}, args...)...)
	cmd.Dir = filepath.Join(work, "bench")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// copyTree copies what the build needs: not tests, not what begins with a dot.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if rel != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o777)
		}
		if strings.HasSuffix(rel, "_test.go") || !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o666)
	})
}
