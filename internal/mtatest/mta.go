package mtatest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
)

// mta is the peculiarities of one kind of server.
type mta interface {
	// locate returns the folder that an instance will see as place.installed;
	// "" for a server from a package of the system. It fails when the server is
	// not there.
	locate() (string, error)
	// lacks says what of c the server in folder is known not to do, "" when
	// there is nothing.
	lacks(folder string, c Config) string
	// files returns the configuration, by name below place.config.
	files(p place, c Config) map[string]string
	// mounts lists further folders of the instance and which of the system's
	// they take the place of, for it alone.
	mounts(p place) [][2]string
	// command runs the server in the foreground.
	command(p place) []string
	// queued returns the folders and the tests for find(1) that list what was
	// accepted and is not delivered yet, one file a message; no folders when
	// there is never any.
	queued(p place) (dirs, tests []string)
}

// installFolder returns the folder into which .ci/servers puts the servers.
func installFolder() (string, error) {
	if dir := os.Getenv("SMTPACE_SERVERS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return cache + "/smtpace-servers", nil
}

// locate finds what .ci/servers installed as name.
func locate(name, file string) (string, error) {
	dir, err := installFolder()
	if err != nil {
		return "", err
	}
	dir += "/" + name
	if _, err := os.Stat(dir + "/" + file); err != nil {
		return "", fmt.Errorf("%w; .ci/servers installs it", err)
	}
	return dir, nil
}

// asRoot returns the command that runs args as root, without asking anybody.
func asRoot(args ...string) ([]string, error) {
	if os.Geteuid() == 0 {
		return args, nil
	}
	if out, err := exec.Command("sudo", "-n", "true").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("sudo -n true: %w %s", err, bytes.TrimSpace(out))
	}
	return append([]string{"sudo", "-n"}, args...), nil
}

// runAsRoot returns what a command prints.
func runAsRoot(args ...string) ([]byte, error) {
	args, err := asRoot(args...)
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w %s", args, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
