package mtatest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// opensmtpd is Debian's opensmtpd, unpacked. It insists on the folders that it
// was compiled for.
type opensmtpd struct{}

const opensmtpdProgram = "/usr/sbin/smtpd"

func (opensmtpd) locate() (string, error) { return locate("opensmtpd", opensmtpdProgram) }

// lacks knows that version 6 cannot serve TLS where it is linked with OpenSSL 3,
// as in Debian 12: every handshake ends with "missing private key" (OpenSMTPD
// issue 1171).
func (opensmtpd) lacks(folder string, c Config) string {
	if !c.TLS {
		return ""
	}
	// It prints its version and calls that a failure.
	out, _ := exec.Command(folder+opensmtpdProgram, "-h").CombinedOutput()
	if version := string(bytes.TrimSpace(out)); strings.Contains(version, "OpenSMTPD 6.") {
		return fmt.Sprintf("TLS does not work in %q with OpenSSL 3", version)
	}
	return ""
}

func (opensmtpd) files(p place, c Config) map[string]string {
	listen := "listen on 127.0.0.1 port " + p.port + " hostname mx.test"
	var settings []string
	if c.TLS {
		listen += " tls pki mx.test"
		settings = append(settings,
			`pki mx.test cert "`+p.certificate()+`"`,
			`pki mx.test key "`+p.certificate()+`"`)
	}
	settings = append(settings,
		listen,
		`smtp max-message-size 100M`,
		`table virtuals { "@" = "reader" }`,
		fmt.Sprintf(`table users { "reader" = "%d:%d:%s" }`, p.mailUID, p.mailGID, p.mail()),
		`action "deliver" maildir "`+p.maildir()+`" userbase <users> virtual <virtuals>`,
		`match from any for any rcpt-to regex "^`+Refused+`@" reject`,
		`match from any for any action "deliver"`,
	)
	return map[string]string{"smtpd.conf": strings.Join(settings, "\n") + "\n"}
}

func (opensmtpd) mounts(p place) [][2]string {
	return [][2]string{
		{p.queue(), "/var/spool"},
		{p.run(), "/run"},
		{p.installed() + "/var/lib", "/var/lib"},
		{p.installed() + "/usr/libexec", "/usr/libexec"},
	}
}

// command returns the command line. It also keeps the key, if there is one,
// from everybody else, as OpenSMTPD wants it.
func (opensmtpd) command(p place) []string {
	const script = `if [ -e "$1" ]; then chmod 0600 "$1"; fi; shift; exec "$@"`
	return []string{"sh", "-c", script, "sh", p.certificate(), p.installed() + opensmtpdProgram, "-d", "-f", p.config() + "/smtpd.conf"}
}

// queued lists the envelopes: a message is moved there with its own when it is
// OpenSMTPD's. A message without any is left behind when the server is killed
// between the end of the last envelope and that of the message; nobody is to get
// it any more.
func (opensmtpd) queued(p place) (dirs, tests []string) {
	return []string{p.queue() + "/smtpd/queue"}, []string{"-mindepth", "3", "-maxdepth", "3", "!", "-name", "message"}
}
