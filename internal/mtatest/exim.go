package mtatest

import "strings"

// exim is Debian's exim4-daemon-heavy, unpacked. It runs with the rights of its
// own user only, and delivers with those.
type exim struct{}

const eximProgram = "/usr/sbin/exim4"

func (exim) locate() (string, error) { return locate("exim", eximProgram) }

func (exim) lacks(string, Config) string { return "" }

func (exim) files(p place, c Config) map[string]string {
	settings := []string{
		"exim_path = " + p.installed() + eximProgram,
		"spool_directory = " + p.spool(),
		"log_file_path = " + p.log() + "/exim-%slog",
		"pid_file_path = " + p.run() + "/exim.pid",
		"deliver_drop_privilege",
		"keep_environment =",
		// Nothing is looked up.
		"primary_hostname = mx.test",
		"host_lookup =",
		"rfc1413_query_timeout = 0s",
		"local_interfaces = 127.0.0.1",
		"daemon_smtp_ports = " + p.port,
		"smtp_accept_max = 100",
		// Delivery begins at once, however many messages a connection brings.
		"smtp_accept_queue_per_connection = 0",
		"message_size_limit = 100M",
		"acl_smtp_rcpt = recipients",
		"pipelining_advertise_hosts = " + hosts(!c.LockStep),
		"tls_advertise_hosts = " + hosts(c.TLS),
	}
	if c.TLS {
		settings = append(settings, "tls_certificate = "+p.certificate())
	}
	rules := eximRules(p)
	if c.Users != nil {
		settings = append(settings, "auth_advertise_hosts = *", "acl_smtp_mail = senders")
		rules += eximLogins(c.Users)
	}
	return map[string]string{"exim.conf": strings.Join(settings, "\n") + rules}
}

// eximLogins returns authenticators that know the users.
func eximLogins(users map[string]string) string {
	var known, secrets []string
	for user, password := range users {
		known = append(known, "{eq{$auth1:$auth2}{"+user+":"+password+"}}")
		secrets = append(secrets, user+"="+password)
	}
	const overTLS = "  server_advertise_condition = ${if def:tls_in_cipher}\n"
	check := "  server_condition = ${if or{" + strings.Join(known, "") + "}}\n  server_set_id = $auth1\n"
	secret := "${extract{$auth1}{" + strings.Join(secrets, " ") + "}{$value}fail}"
	return "begin authenticators\n" +
		"cram:\n  driver = cram_md5\n  public_name = CRAM-MD5\n  server_secret = " + secret + "\n  server_set_id = $auth1\n" +
		"plain:\n  driver = plaintext\n  public_name = PLAIN\n" + strings.NewReplacer("$auth1", "$auth2", "$auth2", "$auth3").Replace(check+overTLS) + "\n" +
		"login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n" + check + overTLS
}

// hosts returns a list that all hosts are on, or none.
func hosts(all bool) string {
	if all {
		return "*"
	}
	return ""
}

func (p place) spool() string { return p.queue() + "/exim" }

func eximRules(p place) string {
	return `
begin acl
senders:
  deny !authenticated = *
       message = log in first
  accept
recipients:
  deny local_parts = ` + Refused + `
       message = no such mailbox
  accept
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = ` + p.maildir() + `
  directory_mode = 0755
  mode = 0644
  envelope_to_add
  return_path_add
begin retry
* * F,1h,1s
`
}

func (exim) mounts(place) [][2]string { return nil }

// command returns the command line. It also goes through the queue every
// second, for what a killed instance left there.
func (exim) command(p place) []string {
	return []string{p.installed() + eximProgram, "-C", p.config() + "/exim.conf", "-bdf", "-q1s"}
}

// queued lists the header files that have a data file. A message is Exim's when
// the former is in its place, and off its hands when the latter is gone.
func (exim) queued(p place) (dirs, tests []string) {
	const both = `for h; do if [ -e "${h%H}D" ]; then echo "$h"; fi; done`
	return []string{p.spool() + "/input"}, []string{"-name", "*-H", "-exec", "sh", "-c", both, "sh", "{}", "+"}
}
