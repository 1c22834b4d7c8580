package mtatest

import (
	_ "embed" // the plugin
	"fmt"
	"os/exec"
)

// haraka is Haraka from npm. It has no delivery to files of its own; a plugin
// stores each message before it is answered.
type haraka struct{}

const harakaProgram = "/node_modules/Haraka/bin/haraka"

//go:embed haraka_maildir.js
var harakaMaildir string

func (haraka) locate() (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", fmt.Errorf("%w; .ci/servers installs it", err)
	}
	return locate("haraka", harakaProgram)
}

func (haraka) lacks(string, Config) string { return "" }

func (haraka) files(p place, c Config) map[string]string {
	plugins := "maildir\n"
	if c.TLS {
		plugins = "tls\n" + plugins
	}
	return map[string]string{
		"me":             "mx.test\n",
		"smtp.ini":       "listen=127.0.0.1:" + p.port + "\nnodes=0\n",
		"plugins":        plugins,
		"log.ini":        "[main]\nlevel=notice\n",
		"connection.ini": harakaConnection,
		"tls.ini":        "key=" + certificateName + "\ncert=" + certificateName + "\n",
		"maildir.ini": fmt.Sprintf("directory=%s\nrefused=%s\n[discard]\npipelining=%t\n",
			p.maildir(), Refused, c.LockStep),
		"../plugins/maildir.js": harakaMaildir,
	}
}

// harakaConnection has all sections that Haraka insists on, its defaults, and
// two changes: the size of a message, and the length of a line, which it breaks
// in two beyond 992 octets. RFC 5321 4.5.3.1.6 allows 1000 with the CRLF, and
// one more where a dot is doubled.
const harakaConnection = `[main]
[haproxy]
[headers]
max_lines=1000
max_received=100
[max]
bytes=100000000
mime_parts=1000
line_length=512
data_line_length=1001
[message]
helo=Haraka is at your service.
close=closing connection.
[uuid]
banner_chars=6
deny_chars=0
`

func (haraka) mounts(place) [][2]string { return nil }

func (haraka) command(p place) []string {
	return []string{"node", p.installed() + harakaProgram, "-c", p.root}
}

func (haraka) queued(place) (dirs, tests []string) { return nil, nil }
