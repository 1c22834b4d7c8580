package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// postfix is a running Postfix with a configuration of its own. It keeps its
// queue in memory where there is a /dev/shm, and delivers to discard(8), so
// that neither disk nor deliveries are measured. Its bound is the time that
// smtpd(8), cleanup(8), qmgr(8) and the log take for a message.
type postfix struct {
	addr    string
	version string
	cmd     *exec.Cmd
	stdin   io.Closer
}

// errNoPostfix is wrapped by what says that there is none to measure.
var errNoPostfix = errors.New("no Postfix is measured")

// script runs Postfix until the input ends, at the latest with this program,
// and leaves nothing behind. It is the first process of its namespace.
const script = `
trap "" INT TERM
"$1" -c "$2/config" start-fg >"$2/log" 2>&1 &
cat >/dev/null
kill -KILL -1
rm -rf "$2"
`

// startPostfix returns when Postfix greets.
func startPostfix() (*postfix, error) {
	program, err := findPostfix()
	if err != nil {
		return nil, err
	}
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := configure(dir, port); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &postfix{addr: "127.0.0.1:" + port}
	p.cmd = exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", program, dir)
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.greets(program, dir); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// findPostfix looks where Debian has it, too, which is not on everybody's PATH.
func findPostfix() (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%w: only root may start it", errNoPostfix)
	}
	for _, name := range []string{"postfix", "/usr/sbin/postfix"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("%w: none is installed", errNoPostfix)
}

// newFolder makes a directory that Postfix's own users may pass through.
func newFolder() (string, error) {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "chunking")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// configure writes a configuration that takes mail for everybody and, but for
// what is named, is Postfix's own.
func configure(dir, port string) error {
	main := fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = /dev/stdout
myhostname = mx.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
notify_classes =
default_transport = discard:
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
in_flow_delay = 0
`, dir)
	master := `127.0.0.1:` + port + ` inet n - n - - smtpd
cleanup    unix       n - n - 0 cleanup
qmgr       unix       n - n 300 1 qmgr
rewrite    unix       - - n - - trivial-rewrite
bounce     unix       - - n - 0 bounce
defer      unix       - - n - 0 bounce
trace      unix       - - n - 0 bounce
proxymap   unix       - n n - - proxymap
error      unix       - - n - - error
retry      unix       - - n - - error
discard    unix       - - n - - discard
anvil      unix       - - n - 1 anvil
postlog    unix-dgram n - n - 1 postlogd
`
	for _, name := range []string{"config", "queue"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "config", "main.cf"), []byte(main), 0o644),
		os.WriteFile(filepath.Join(dir, "config", "master.cf"), []byte(master), 0o644))
}

// greets waits until Postfix does, and asks for its version.
func (p *postfix) greets(program, dir string) error {
	limit := time.Now().Add(patience)
	for {
		s, err := dial(p.addr, nil, false)
		if err == nil {
			err = s.close()
		}
		if err == nil {
			break
		}
		if time.Now().After(limit) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return fmt.Errorf("%w: it does not greet: %w\n%s", errNoPostfix, err, log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	version, err := exec.Command(filepath.Join(filepath.Dir(program), "postconf"), "-c", filepath.Join(dir, "config"), "-h", "mail_version").Output()
	p.version = strings.TrimSpace(string(version))
	return err
}

// close ends Postfix and returns when nothing of it is left.
func (p *postfix) close() {
	p.stdin.Close()
	p.cmd.Wait()
}
