package mtatest

import (
	"fmt"
	"os/exec"
	"strings"
)

// postfix is the installed Postfix. Whatever is not named in its configuration
// keeps Postfix's own default, the error limits and delays included: they are
// part of what a client meets.
type postfix struct{}

func (postfix) locate() (string, error) {
	_, err := postfixPath()
	return "", err
}

func postfixPath() (string, error) {
	path, err := exec.LookPath("postfix")
	if err == nil {
		return path, nil
	}
	// Debian's place for it is not on the PATH of ordinary users.
	if path, err = exec.LookPath("/usr/sbin/postfix"); err != nil {
		return "", fmt.Errorf("%w; .ci/servers installs it", err)
	}
	return path, nil
}

func (postfix) lacks(string, Config) string { return "" }

func (postfix) files(p place, c Config) map[string]string {
	return map[string]string{
		"main.cf":   mainCF(p, c),
		"master.cf": masterCF(p),
		"refused":   "/^" + Refused + "@/ 550 5.1.1 no such mailbox\n",
	}
}

func mainCF(p place, c Config) string {
	window := c.Window
	if window == 0 {
		window = DefaultWindow
	}
	settings := []string{
		"compatibility_level = 3.6",
		"queue_directory = " + p.queue(),
		"data_directory = " + p.root + "/data",
		"maillog_file = /dev/stdout",
		// Nothing is looked up and nothing leaves the machine.
		"myhostname = mx.test",
		"inet_interfaces = 127.0.0.1",
		"inet_protocols = ipv4",
		"smtpd_peername_lookup = no",
		"mydestination =",
		"local_recipient_maps =",
		"alias_maps =",
		"alias_database =",
		"notify_classes =",
		"default_transport = error:not a mailbox of this test",
		// Every address of every domain is delivered, one file a copy.
		"mynetworks = 127.0.0.0/8",
		"smtpd_relay_restrictions = permit_mynetworks, reject",
		"smtpd_recipient_restrictions = check_recipient_access regexp:" + p.config() + "/refused",
		"virtual_mailbox_domains = static:all",
		"virtual_mailbox_base = " + p.mail(),
		"virtual_mailbox_maps = static:all/",
		"virtual_minimum_uid = 1",
		fmt.Sprintf("virtual_uid_maps = static:%d", p.mailUID),
		fmt.Sprintf("virtual_gid_maps = static:%d", p.mailGID),
		"message_size_limit = 100000000",
		"virtual_mailbox_limit = 0",
		// Do not slow the client down because delivery lags behind.
		"in_flow_delay = 0",
		// A delivery that failed, as one may after a crash, is soon tried again.
		"queue_run_delay = 1s",
		"minimal_backoff_time = 1s",
		"maximal_backoff_time = 1s",
		// A process that is killed in its first session is taken for one that cannot
		// start, and no other is started for this time.
		"service_throttle_time = 1s",
		// By default the clients of mynetworks are exempt from all limits.
		"smtpd_client_event_limit_exceptions =",
		fmt.Sprintf("anvil_rate_time_unit = %ds", int(window.Seconds())),
	}
	settings = append(settings, asked(p, c)...)
	return strings.Join(settings, "\n") + "\n"
}

// asked returns the settings that only some tests want.
func asked(p place, c Config) (settings []string) {
	if c.Connections > 0 {
		settings = append(settings, fmt.Sprintf("smtpd_client_connection_count_limit = %d", c.Connections))
	}
	if c.Messages > 0 {
		settings = append(settings, fmt.Sprintf("smtpd_client_message_rate_limit = %d", c.Messages))
	}
	if c.LockStep {
		settings = append(settings, "smtpd_discard_ehlo_keywords = pipelining")
	}
	if c.FullHELO {
		settings = append(settings,
			"smtpd_helo_required = yes",
			"smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
		)
	}
	if c.Synchronized {
		settings = append(settings,
			"smtpd_client_restrictions = reject_unauth_pipelining",
			"smtpd_data_restrictions = reject_unauth_pipelining",
			"smtpd_forbid_unauth_pipelining = yes", // from 3.7.6 on
		)
	}
	if p.policy != "" {
		settings = append(settings,
			"smtpd_sender_restrictions = check_policy_service inet:"+p.policy,
			"smtpd_delay_reject = no", // ask at MAIL, not at RCPT
		)
	}
	if c.TLS {
		settings = append(settings,
			"smtpd_tls_security_level = may",
			"smtpd_tls_loglevel = 1",
			"smtpd_tls_chain_files = "+p.certificate(),
		)
	}
	return settings
}

// masterCF renders master.cf: the services an instance needs, none in a chroot.
func masterCF(p place) string {
	return "127.0.0.1:" + p.port + ` inet n - n - - smtpd
cleanup    unix       n - n - 0 cleanup
qmgr       unix       n - n 300 1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n - - trivial-rewrite
bounce     unix       - - n - 0 bounce
defer      unix       - - n - 0 bounce
trace      unix       - - n - 0 bounce
proxymap   unix       - n n - - proxymap
error      unix       - - n - - error
retry      unix       - - n - - error
virtual    unix       - n n - - virtual
anvil      unix       - - n - 1 anvil
postlog    unix-dgram n - n - 1 postlogd
`
}

func (postfix) mounts(place) [][2]string { return nil }

func (postfix) command(p place) []string {
	path, err := postfixPath()
	if err != nil {
		path = "postfix" // locate has found it
	}
	return []string{path, "-c", p.config(), "start-fg"}
}

// queued lists queue files that are complete: cleanup(8) gives those the
// execute bit, and the client its reply, when all is written.
func (postfix) queued(p place) (dirs, tests []string) {
	return []string{p.queue() + "/incoming", p.queue() + "/active", p.queue() + "/deferred"},
		[]string{"-type", "f", "-perm", "-u+x"}
}
