package postfixtest

import (
	"fmt"
	"strings"
	"time"
)

// DefaultWindow is how long a window of Config.Messages lasts by default.
const DefaultWindow = 10 * time.Second

// Config says what a Server allows one client. The zero value allows what
// Postfix does on its own: 50 connections, no message rate, no TLS.
type Config struct {
	// Connections is how many connections a client may have at once
	// (smtpd_client_connection_count_limit); one more is answered 421 and
	// closed. 0 means Postfix's default, 50.
	Connections int
	// Messages is how many messages a client may begin in one Window, over all
	// its connections (smtpd_client_message_rate_limit); at one more MAIL is
	// answered 450. 0 means any number.
	Messages int
	// Window is the fixed period of Messages, in whole seconds
	// (anvil_rate_time_unit); 0 means DefaultWindow. Postfix counts in whole
	// seconds of the clock and begins a new window with the first message after
	// the old one has passed, so that a window lasts up to a second longer.
	Window time.Duration
	// TLS offers STARTTLS, with a certificate that Server.ClientTLS trusts.
	TLS bool
}

// place is where an instance lives.
type place struct {
	root    string // everything is below
	port    string
	mailUID int // the owner of what is delivered
	mailGID int
}

func (p place) config() string  { return p.root + "/etc" }
func (p place) queue() string   { return p.root + "/queue" }
func (p place) data() string    { return p.root + "/data" }
func (p place) mail() string    { return p.root + "/mail" }
func (p place) maillog() string { return p.root + "/mail.log" }

// mainCF renders main.cf. Whatever is not named keeps Postfix's own default,
// the error limits and delays included: they are part of what a client meets.
func (c Config) mainCF(p place) string {
	window := c.Window
	if window == 0 {
		window = DefaultWindow
	}
	settings := []string{
		"compatibility_level = 3.6",
		"queue_directory = " + p.queue(),
		"data_directory = " + p.data(),
		"maillog_file = " + p.maillog(),
		"maillog_file_prefixes = " + p.root,
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
		"virtual_mailbox_domains = static:all",
		"virtual_mailbox_base = " + p.mail(),
		"virtual_mailbox_maps = static:all/",
		"virtual_minimum_uid = 1",
		fmt.Sprintf("virtual_uid_maps = static:%d", p.mailUID),
		fmt.Sprintf("virtual_gid_maps = static:%d", p.mailGID),
		// Do not slow the client down because delivery lags behind.
		"in_flow_delay = 0",
		// By default the clients of mynetworks are exempt from all limits.
		"smtpd_client_event_limit_exceptions =",
		fmt.Sprintf("anvil_rate_time_unit = %ds", int(window.Seconds())),
	}
	if c.Connections > 0 {
		settings = append(settings, fmt.Sprintf("smtpd_client_connection_count_limit = %d", c.Connections))
	}
	if c.Messages > 0 {
		settings = append(settings, fmt.Sprintf("smtpd_client_message_rate_limit = %d", c.Messages))
	}
	if c.TLS {
		settings = append(settings,
			"smtpd_tls_security_level = may",
			"smtpd_tls_loglevel = 1",
			"smtpd_tls_chain_files = "+p.config()+"/key-and-certificate.pem",
		)
	}
	return strings.Join(settings, "\n") + "\n"
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
proxymap   unix       - - n - - proxymap
error      unix       - - n - - error
retry      unix       - - n - - error
virtual    unix       - n n - - virtual
anvil      unix       - - n - 1 anvil
postlog    unix-dgram n - n - 1 postlogd
`
}
