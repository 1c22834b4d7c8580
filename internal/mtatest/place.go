package mtatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// place holds the files and addresses of an instance.
type place struct {
	root    string // everything is below
	port    string
	mailUID int // the owner of what is delivered, where the server lets us choose
	mailGID int
	policy  string // address of the policy service that is asked at MAIL; "" means none
}

func (p place) config() string { return p.root + "/config" }
func (p place) queue() string  { return p.root + "/queue" }
func (p place) run() string    { return p.root + "/run" }
func (p place) log() string    { return p.root + "/log" }
func (p place) mail() string   { return p.root + "/mail" }

// maildir returns the folder in whose new/ every copy ends.
func (p place) maildir() string { return p.mail() + "/all" }

// installed returns the path at which an instance sees the folder that .ci/servers put its
// server into.
func (p place) installed() string { return p.root + "/server" }

// certificate returns the file of key and certificate.
func (p place) certificate() string { return p.config() + "/" + certificateName }

const certificateName = "key-and-certificate.pem"

// newPlace makes the directories of an instance and picks its port.
func newPlace(t testing.TB) place {
	t.Helper()
	p := place{root: t.TempDir(), port: freePort(t), mailUID: os.Geteuid(), mailGID: os.Getegid()}
	if p.mailUID == 0 {
		// No server delivers as root; any other owner will do.
		p.mailUID, p.mailGID = 65534, 65534
	}
	// The servers' own users must be able to pass through. The parent is this
	// test's too, but was made for its owner alone.
	for _, dir := range []string{filepath.Dir(p.root), p.root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for dir, mode := range map[string]os.FileMode{
		p.config(): 0o755, p.queue(): 0o755, p.run(): 0o755, p.installed(): 0o755,
		p.log(): 0o777, p.mail(): 0o777, // whoever the server writes as
	} {
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	return p
}

// freePort finds a port that nobody listens on, below those that the system
// gives to outgoing connections: while a server is down, none of them may take
// its port, or connect to itself there.
func freePort(t testing.TB) string {
	t.Helper()
	const lowest, highest, tries = 20000, 32000, 100
	for range tries {
		port := strconv.Itoa(lowest + rand.IntN(highest-lowest))
		l, err := net.Listen("tcp4", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal(fmt.Errorf("mtatest: no free port between %d and %d in %d tries", lowest, highest, tries))
	return ""
}
