package mtatest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// instance is the running processes of a server.
type instance struct {
	stdin io.Closer
	ended chan struct{} // closed when all are gone
}

// run starts a command of Server.namespace and appends what it prints to a file.
func run(command []string, output string) (*instance, error) {
	log, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the command has its own
	// Servers open it again as users of their own, whatever our umask.
	if err := log.Chmod(0o666); err != nil {
		return nil, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	i := &instance{stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the server was killed: that is no news
		close(i.ended)
	}()
	return i, nil
}

// kill ends all processes at once and returns when they are gone.
func (i *instance) kill() error {
	_ = i.stdin.Close() // the only reader is the script, which ends by it
	select {
	case <-i.ended:
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("mtatest: the server still runs %v after it was killed", stopTimeout)
	}
}

// namespaceScript mounts what is listed before "--" and runs the rest, until
// its standard input ends, which it does at the latest with the process of the
// test. It is the first process of its namespace: with it everything there ends.
// Before, all others are killed together: a server's delivery program that lived
// on for a moment would take the end of its input for the end of the message.
const namespaceScript = `
set -e
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -KILL -1; } &
wait $server
`

// namespace returns the command that runs the server in namespaces of its own.
func (s *Server) namespace(folder string) []string {
	args := strings.Fields("unshare --pid --fork --kill-child --mount --mount-proc sh -c")
	args = append(args, namespaceScript, "sh")
	mounts := s.mta.mounts(s.place)
	if folder != "" {
		mounts = append([][2]string{{folder, s.place.installed()}}, mounts...)
	}
	for _, m := range mounts {
		args = append(args, m[0], m[1])
	}
	return append(append(args, "--"), s.mta.command(s.place)...)
}
