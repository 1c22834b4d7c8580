package main

import (
	"strings"
	"testing"
)

// said returns a refusal at RCPT of a server.
func said(relay, reply string) string {
	return "deferred (host " + strings.TrimSuffix(relay, ":25") + " said: " + reply + " (in reply to RCPT TO command))"
}

const (
	ourRelay = "smtp.relay.example[192.0.2.50]:25"
	gmail    = "gmail-smtp-in.l.google.com[192.0.2.20]:25"
	filter   = "127.0.0.1[127.0.0.1]:10024"
)

// receivers returns the number of receivers in a report.
func receivers(report string) (n int) {
	for line := range strings.Lines(report) {
		if !strings.HasPrefix(line, " ") && strings.HasSuffix(line, " refused\n") {
			n++
		}
	}
	return n
}

func TestWhoseLimit(t *testing.T) {
	const at = "Nov 23 10:11:12"
	line := func(id, to, relay, status string) string { return postfixLine(at, id, to, relay, status) }
	for _, tt := range []struct {
		name, input string
		want        []string
	}{
		{"a relay's reply is the relay's, whoever the recipients are",
			line("41", "ann@gmail.com", ourRelay, said(ourRelay, "450 4.7.1 message rate limit exceeded")) +
				line("42", "bob@outlook.com", ourRelay, said(ourRelay, "450 4.7.1 message rate limit exceeded")) +
				line("43", "cy@gmail.com", ourRelay, "sent (250 Ok)"),
			[]string{"smtp.relay.example (relay): 3 answers, 2 refused\n", "  config    Relay{Addr: \"smtp.relay.example:25\", Limits: ", "  ask       postmaster@relay.example\n"}},
		{"a service for sending is a relay, with what is known of it",
			line("41", "ann@example.net", "email-smtp.eu-west-1.amazonaws.com[192.0.2.9]:587", said("email-smtp.eu-west-1.amazonaws.com[192.0.2.9]", "452 4.5.3 Too many recipients")),
			[]string{"email-smtp.eu-west-1.amazonaws.com (relay): 1 answer, 1 refused\n", "  set       per-message:50\n  because   from the profile"}},
		{"a provider's server is the provider's, also for domains of others",
			line("41", "ann@example.net", gmail, said(gmail, "450 4.7.28 unusual rate")) + line("42", "ann@gmail.com", gmail, "sent (250 Ok)"),
			[]string{"google: 2 answers, 1 refused\n"}},
		{"a host of several domains has its own limits",
			line("41", "ann@example.net", "mx.hoster.example[192.0.2.9]:25", said("mx.hoster.example[192.0.2.9]", "450 4.7.1 message rate limit exceeded")) +
				line("42", "ann@example.com", "mx2.hoster.example[192.0.2.10]:25", "sent (250 Ok)"),
			[]string{"hoster.example (2 domains): 2 answers, 1 refused\n", "  config    Relay{Addr: \"mx.hoster.example:25\", Limits: {"}},
		{"a host of one domain is the domain's",
			line("41", "ann@example.net", "mx.hoster.example[192.0.2.9]:25", said("mx.hoster.example[192.0.2.9]", "450 4.7.1 message rate limit exceeded")),
			[]string{"example.net: 1 answer, 1 refused\n"}},
		{"a content filter takes no mail",
			line("41", "ann@gmail.com", filter, "sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 42)") + line("42", "ann@gmail.com", gmail, "sent (250 Ok)"),
			[]string{"google: 1 answer, 0 refused\n", "  1 deliveries to a filter on this machine, such as line 1: "}},
		{"what a content filter refuses, no receiver has",
			line("41", "ann@gmail.com", filter, "bounced (host 127.0.0.1[127.0.0.1] said: 554 5.7.0 Reject, id=1 - spam (in reply to end of DATA command))"),
			[]string{"the sending server itself: 1 decision, none of them a receiver's reply\n  spam-content 1 time"}},
		{"one refusal is one, for all recipients",
			line("41", "ann@example.net", "mx.example.net[192.0.2.1]:25", "deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 too many connections)") +
				line("41", "bob@example.net", "mx.example.net[192.0.2.1]:25", "deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 too many connections)") +
				line("42", "cy@example.net", "mx.example.net[192.0.2.1]:25", "deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 too many connections)"),
			[]string{"example.net: 2 answers, 2 refused\n", "1 further line of a reply that is counted already\n"}},
		{"each RCPT has a reply of its own",
			line("41", "ann@example.net", "mx.example.net[192.0.2.1]:25", said("mx.example.net[192.0.2.1]", "450 4.7.1 too much")) +
				line("41", "bob@example.net", "mx.example.net[192.0.2.1]:25", said("mx.example.net[192.0.2.1]", "450 4.7.1 too much")),
			[]string{"example.net: 2 answers, 2 refused\n"}},
		{"a later try is refused anew",
			line("41", "ann@example.net", "mx.example.net[192.0.2.1]:25", said("mx.example.net[192.0.2.1]", "450 4.7.1 too much")) +
				postfixLine("Nov 23 10:21:12", "41", "ann@example.net", "mx.example.net[192.0.2.1]:25", said("mx.example.net[192.0.2.1]", "450 4.7.1 too much")),
			[]string{"example.net: 2 answers, 2 refused\n"}},
		{"Exim's smarthost is a relay",
			"2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc == ann@example.net R=smarthost T=remote_smtp_smarthost defer (-44) H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 450 4.7.1 rate limit exceeded\n",
			[]string{"mx.example.net (relay): 1 answer, 1 refused\n"}},
		{"sendmail's mailer is a relay",
			"Nov 23 10:11:12 mail sm-mta[9]: 4AN1: to=<ann@gmail.com>,<bob@example.net>, xdelay=00:00:02, mailer=relay, relay=smtp.example.com. [192.0.2.1], dsn=4.7.1, stat=Deferred: 450 4.7.1 rate limit exceeded\n",
			[]string{"smtp.example.com (relay): 1 answer, 1 refused\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := execute(t, tt.input)
			if status != statusDone || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
			mustHave(t, stdout, tt.want...)
			if receivers(stdout) > 1 {
				t.Errorf("more than one has answered:\n%s", stdout)
			}
		})
	}
}

// What the sending server decides is no limit of a receiver, and its status tells what
// becomes of the mail.
func TestOwnDecisions(t *testing.T) {
	const mx = "mx.example.net[192.0.2.1]:25"
	postfixLine := func(dsn, status string) string {
		return "Nov 23 10:11:12 mail postfix/smtp[9]: 4F: to=<ann@example.net>, relay=" + mx + ", delay=1, delays=0/0/0/1, dsn=" + dsn + ", status=" + status + "\n"
	}
	eximLine := func(text string) string { return "2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc " + text + "\n" }
	for _, tt := range []struct{ name, input, class, recipient string }{
		{"TLS is wanted", postfixLine("4.7.4", "deferred (TLS is required, but was not offered by host mx.example.net[192.0.2.1])"), "tls", "later"},
		{"TLS fails", postfixLine("4.7.5", "deferred (Cannot start TLS: handshake failure)"), "tls", "later"},
		{"a certificate", postfixLine("4.7.5", "deferred (Server certificate not trusted)"), "tls", "later"},
		{"too large for what EHLO says", postfixLine("5.3.4", "bounced (message size 36700160 exceeds size limit 20971520 of server mx.example.net[192.0.2.1])"), "message-too-large", "refused"},
		{"a loop", postfixLine("5.4.6", "bounced (mail for example.net loops back to myself)"), "loop", "refused"},
		{"a null MX", postfixLine("5.1.0", "bounced (Domain example.net does not accept mail (nullMX))"), "bad-domain", "refused"},
		{"a login", postfixLine("4.7.8", "deferred (SASL authentication failed; server mx.example.net[192.0.2.1] said: 535 5.7.8 Error: authentication failed: quota)"), "smtp-auth", "later"},
		{"no mechanism", postfixLine("4.7.0", "deferred (SASL authentication failed; cannot authenticate to server mx.example.net[192.0.2.1]: no mechanism available)"), "smtp-auth", "later"},
		{"a timeout", postfixLine("4.4.1", "deferred (connect to mx.example.net[192.0.2.1]:25: Connection timed out)"), "network", "later"},
		{"a timeout in the session", postfixLine("4.4.2", "deferred (conversation with mx.example.net[192.0.2.1] timed out while receiving the initial server greeting)"), "network", "later"},
		{"words that only the code explains", postfixLine("5.4.6", "bounced (it goes round and round)"), "loop", "refused"},
		{"no SMTPUTF8", postfixLine("5.6.7", "bounced (SMTPUTF8 is required, but was not offered by host mx.example.net[192.0.2.1])"), "content-rejected", "refused"},
		{"Exim knows no route", eximLine("** ann@example.net: Unrouteable address"), "bad-domain", "refused"},
		{"Exim wants TLS", eximLine("== ann@example.net R=dnslookup T=remote_smtp defer (-38) H=mx.example.net [192.0.2.1]: a TLS session is required, but the server did not offer TLS support"), "tls", "later"},
		{"Exim's login", eximLine("== ann@example.net R=r T=t defer (-42) H=mx.example.net [192.0.2.1]: authentication failed"), "smtp-auth", "later"},
		{"Exim goes in circles", eximLine("** ann@example.net R=dnslookup: lowest numbered MX record points to local host"), "loop", "refused"},
		{"sendmail reaches nobody", "Nov 23 10:11:12 mail sm-mta[9]: 4AN1: to=<ann@example.net>, xdelay=00:00:00, mailer=esmtp, relay=mx.example.net. [192.0.2.1], dsn=4.0.0, stat=Deferred: Connection refused by mx.example.net.\n", "network", "later"},
		{"sendmail finds no host", "Nov 23 10:11:12 mail sm-mta[9]: 4AN1: to=<ann@example.net>, xdelay=00:00:00, mailer=esmtp, relay=example.net, dsn=5.1.2, stat=Host unknown (Name server: example.net: host not found)\n", "bad-domain", "refused"},
		{"qmail reaches nobody", "@4000000069a1000000000000 starting delivery 1: msg 2 to remote ann@example.net\n@4000000069a1000100000000 delivery 1: deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/\n", "network", "later"},
		{"qmail finds no host", "@4000000069a1000000000000 starting delivery 1: msg 2 to remote ann@example.net\n@4000000069a1000100000000 delivery 1: failure: Sorry,_I_couldn't_find_any_host_named_example.net._(#5.1.2)/\n", "bad-domain", "refused"},
		{"OpenSMTPD finds no MX", "Nov 23 10:11:12 mail smtpd[9]: 0000000000000000 mta delivery evpid=3d4c4a424797fe79 from=<n@example.com> to=<ann@example.net> rcpt=<-> source=\"-\" relay=\"example.net\" delay=1s result=\"PermFail\" stat=\"No MX found for domain\"\n", "bad-domain", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects := objectsOf(t, tt.input)
			got := objects[len(objects)-1]
			if got["whose"] != "own" || got["class"] != tt.class || got["recipient"] != tt.recipient || got["limit"] != "none" {
				t.Errorf("got %v, want class %s and recipient %s", got, tt.class, tt.recipient)
			}
			stdout, _, _ := execute(t, tt.input)
			mustHave(t, stdout, "the sending server itself: 1 decision, none of them a receiver's reply\n  "+tt.class)
			if receivers(stdout) > 0 {
				t.Errorf("a receiver is blamed:\n%s", stdout)
			}
		})
	}
}

// What Exim and Postfix only put off is no answer at all.
func TestOwnWaitingIsNoAnswer(t *testing.T) {
	for _, line := range []string{
		"2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc == ann@example.net R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host",
		"2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc ** ann@example.net: retry timeout exceeded",
		"2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc ** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 450 4.7.1 busy: retry timeout exceeded",
		"2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc ** ann@example.net R=dnslookup T=remote_smtp: all hosts for 'example.net' have been failing for a long time (and retry time not reached)",
		"Nov 23 10:11:12 mail postfix/smtp[9]: 4F: to=<ann@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: host mx.example.net[192.0.2.1] refused to talk to me: 421 too many connections)",
		"Nov 23 10:11:12 mail postfix/error[9]: 4F: to=<ann@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.example.net[192.0.2.1]:25: Connection timed out)",
		"Nov 23 10:11:12 mail sm-mta[9]: 4AN1: to=<ann@example.net>, delay=00:00:00, mailer=esmtp, pri=30000, stat=queued",
	} {
		stdout, stderr, status := execute(t, line+"\n")
		if status != statusDone || stderr != "" || !strings.HasPrefix(stdout, "no answers\n1 line without an answer\n") {
			t.Errorf("%s:\nstatus %d, stderr %q, stdout\n%s", line, status, stderr, stdout)
		}
	}
}
