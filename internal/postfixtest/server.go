package postfixtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// How long an instance may take to start and to stop, generously.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// Server is a running Postfix. It ends with its test.
type Server struct {
	// Addr is where it listens, "127.0.0.1:port".
	Addr string

	place     place
	clientTLS *tls.Config
}

// Start runs an instance and returns when it greets. Where there is no Postfix,
// or no right to start it (its master insists on being root), the test is
// skipped, or, with the environment variable CI set to "true", fails.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	postfix := find(t)
	s := &Server{place: newPlace(t)}
	s.Addr = "127.0.0.1:" + s.place.port
	write(t, s.place.config()+"/main.cf", cfg.mainCF(s.place))
	write(t, s.place.config()+"/master.cf", masterCF(s.place))
	if cfg.TLS {
		var chain []byte
		chain, s.clientTLS = newCertificate(t)
		write(t, s.place.config()+"/key-and-certificate.pem", string(chain))
	}
	s.run(t, postfix)
	return s
}

// ClientTLS is the configuration of a client that trusts the Server's
// certificate and nothing else; nil without Config.TLS.
func (s *Server) ClientTLS() *tls.Config { return s.clientTLS.Clone() }

// find returns the command that starts Postfix.
func find(t testing.TB) []string {
	t.Helper()
	unable := t.Skipf
	if os.Getenv("CI") == "true" {
		unable = t.Fatalf
	}
	path, err := exec.LookPath("postfix")
	if err != nil {
		// Debian's place for it is not on the PATH of ordinary users.
		if path, err = exec.LookPath("/usr/sbin/postfix"); err != nil {
			unable("this test needs a real Postfix, and none is installed (Debian: apt-get install postfix): %v", err)
		}
	}
	root, err := asRoot("true")
	if err != nil {
		unable("this test starts a real Postfix, which only root may do: %v", err)
	}
	return append(root[:len(root)-1], path)
}

// asRoot returns the command that runs args as root, without asking anybody.
func asRoot(args ...string) ([]string, error) {
	if os.Geteuid() == 0 {
		return args, nil
	}
	sudo := []string{"sudo", "-n"}
	if out, err := exec.Command(sudo[0], "-n", "true").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("sudo -n true: %w %s", err, bytes.TrimSpace(out))
	}
	return append(sudo, args...), nil
}

// newPlace makes the directories of an instance and picks its port.
func newPlace(t testing.TB) place {
	t.Helper()
	p := place{root: t.TempDir(), mailUID: os.Geteuid(), mailGID: os.Getegid()}
	if p.mailUID == 0 {
		// virtual(8) refuses to deliver as root; any other owner will do.
		p.mailUID, p.mailGID = 65534, 65534
	}
	// Postfix's own user must be able to pass through. The parent is this
	// test's too, but was made for its owner alone.
	for _, dir := range []string{filepath.Dir(p.root), p.root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{p.config(), p.queue(), p.mail()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(p.mail(), p.mailUID, p.mailGID); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p.port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return p
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// instance starts Postfix, waits for the end of its input, which comes at the
// latest when the test's process ends, however it ends, and stops Postfix.
const instance = `trap '' INT; "$@" start && cat >/dev/null; "$@" stop`

// run starts the instance, waits for its greeting, and has it stopped at the
// end of the test.
func (s *Server) run(t testing.TB, postfix []string) {
	t.Helper()
	args := append([]string{"-c", instance, "sh"}, postfix...)
	cmd := exec.Command("sh", append(args, "-c", s.place.config())...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = stopTimeout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // the only reader is the command, which ends by it
		if err := cmd.Wait(); err != nil {
			t.Errorf("stopping Postfix: %v: %s", err, output.Bytes())
		}
		if t.Failed() {
			t.Logf("end of Postfix's log:\n%s", tail(s.maillog(t), 30))
		}
		s.surrender(t)
	})
	if err := s.greet(t.Context()); err != nil {
		t.Fatalf("Postfix did not greet on %s: %v", s.Addr, err)
	}
}

// greet waits until the port is open and answers 220.
func (s *Server) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.knock(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Server) knock(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	text := textproto.NewConn(conn)
	if _, _, err := text.ReadResponse(220); err != nil {
		return err
	}
	if err := text.PrintfLine("QUIT"); err != nil {
		return err
	}
	if _, _, err := text.ReadResponse(221); err != nil {
		return err
	}
	// Postfix counts a connection until it closes it, which is after the reply.
	if _, err := text.ReadLine(); err != io.EOF {
		return fmt.Errorf("after QUIT: got %v, want %w", err, io.EOF)
	}
	return nil
}

// surrender makes everything belong to the test's user again, who will remove
// it.
func (s *Server) surrender(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	cmd, err := asRoot("chown", "-R", strconv.Itoa(os.Geteuid()), s.place.root)
	if err != nil {
		t.Error(err)
		return
	}
	if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%v: %v: %s", cmd, err, out)
	}
}
