package mtatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
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

// Server is a running server. It ends with its test. Its methods are for the
// test's goroutine.
type Server struct {
	// Addr is the address that it listens on, "127.0.0.1:port".
	Addr string
	// Kind is the kind of server.
	Kind Kind

	place     place
	mta       mta
	command   []string // runs it, and ends with it
	running   *instance
	clientTLS *tls.Config
	killer    *killer // nil without Config.KillAtMail
}

// Start runs an instance and returns when it greets. It skips the test under
// -short, and when the server that is there is known not to do what cfg asks
// for.
func Start(t testing.TB, kind Kind, cfg Config) *Server {
	t.Helper()
	if err := cfg.validate(kind); err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		t.Skipf("mtatest: -short runs no %v", kind)
	}
	s := &Server{Kind: kind, mta: kinds[kind].mta}
	folder, root := s.find(t)
	if lack := s.mta.lacks(folder, cfg); lack != "" {
		t.Skipf("mtatest: %s", lack)
	}
	s.place = newPlace(t)
	s.Addr = "127.0.0.1:" + s.place.port
	s.command = append(root, s.namespace(folder)...)
	if cfg.KillAtMail > 0 {
		s.killer = newKiller(t, cfg.KillAtMail)
		s.place.policy = s.killer.addr()
	}
	for name, text := range s.mta.files(s.place, cfg) {
		write(t, s.place.config()+"/"+name, text)
	}
	if cfg.TLS {
		var chain []byte
		chain, s.clientTLS = newCertificate(t)
		write(t, s.place.certificate(), string(chain))
	}
	t.Cleanup(func() { s.end(t) })
	s.own(t, s.place.config(), 0) // servers trust no other's
	s.start(t)
	return s
}

// ClientTLS returns the configuration of a client that trusts the Server's
// certificate and nothing else; nil without Config.TLS.
func (s *Server) ClientTLS() *tls.Config { return s.clientTLS.Clone() }

// Restart kills every process of the server at once, as a crash would, and
// starts it again; it returns when it greets. Nobody listens meanwhile.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.running.kill(); err != nil {
		t.Fatal(err)
	}
	s.start(t)
}

// find returns the folder of the server and what has to precede a command that
// root is to run. Where something is missing, the test is skipped, or, with the
// environment variable CI set to "true", fails.
func (s *Server) find(t testing.TB) (folder string, root []string) {
	t.Helper()
	unable := t.Skipf
	if os.Getenv("CI") == "true" {
		unable = t.Fatalf
	}
	folder, err := s.mta.locate()
	if err != nil {
		unable("this test needs a real %v, and none is installed: %v", s.Kind, err)
	}
	if root, err = asRoot(); err != nil {
		unable("this test starts a real %v, which only root may do: %v", s.Kind, err)
	}
	if _, err := runAsRoot("unshare", "--pid", "--fork", "--mount", "true"); err != nil {
		unable("this test starts a real %v in a namespace, which this machine does not allow: %v", s.Kind, err)
	}
	return folder, root
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// start starts the instance and waits for its greeting.
func (s *Server) start(t testing.TB) {
	t.Helper()
	var err error
	if s.running, err = run(s.command, s.place.log()+"/output"); err != nil {
		t.Fatalf("%v did not start: %v", s.Kind, err)
	}
	if err := s.greet(t.Context()); err != nil {
		t.Fatalf("%v did not greet on %s: %v", s.Kind, s.Addr, err)
	}
}

// end stops the instance, tells its log if the test has failed, and makes
// everything belong to the test's user again, who will remove it.
func (s *Server) end(t testing.TB) {
	t.Helper()
	if s.running != nil {
		if err := s.running.kill(); err != nil {
			t.Error(err)
		}
	}
	if s.killer != nil {
		if err := s.killer.close(); err != nil {
			t.Error(err)
		}
	}
	s.own(t, s.place.root, os.Geteuid())
	if t.Failed() {
		s.tellLogs(t)
	}
}

// own makes all below dir belong to a user; root's tests need no such thing.
func (s *Server) own(t testing.TB, dir string, user int) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if _, err := runAsRoot("chown", "-R", strconv.Itoa(user), dir); err != nil {
		t.Error(err)
	}
}

// greet waits until the port is open and answers 220, or the instance ends.
func (s *Server) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := s.knock(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-s.running.ended:
			return fmt.Errorf("its process has ended: %w", err)
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
