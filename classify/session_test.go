package classify

import (
	"testing"
	"time"
)

// TestInvariant2OurSessionRefusesNobody has refusals of our login, our HELO name,
// our address and our account, at every stage at which servers say them.
func TestInvariant2OurSessionRefusesNobody(t *testing.T) {
	for _, reply := range []string{
		// the login
		"502 5.7.0 Please authenticate first",
		"530 5.7.0 Authentication required",
		"530 5.7.0 Access denied",
		"530",
		"534 5.7.9 Mechanism too weak",
		"535 5.7.8 Bad credentials",
		"538 5.7.11 Encryption required for this mechanism",
		"550 5.7.1 Authentication required",
		"550 5.7.1 Unauthenticated senders not allowed",
		"550 5.7.1 Relaying denied. Proper authentication required.",
		"550 authentication is required for relay",
		"553 5.7.1 <a@example.com>: Sender address rejected: not logged in",
		"554 5.7.1 <a@example.com>: Sender address rejected: not logged in",
		"554 5.7.1 You must log in before you send",
		"550 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
		"554 5.0.0 Error: transaction failed, the account is not available in Bridge",
		"550 Autenticación requerida",
		"550 5.7.1 Credentials required",
		"501 5.7.1 Please send AUTH first",
		"550 5.7.8 no",
		"550 Relaying denied. Please check for mail before sending (POP before SMTP)",
		"550 SMTP AUTH is required for message submission",
		// TLS
		"530 5.7.0 Must issue a STARTTLS command first",
		"550 5.7.10 Encryption required",
		"523 5.7.10 no",
		// HELO
		"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname",
		"501 5.5.2 <v_m>: Helo command rejected: Invalid name",
		"550 5.7.1 <vm>: Helo command rejected: Host not found",
		"554 5.7.1 <localhost>: Helo command rejected: Access denied",
		"550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)",
		"550 bad HELO - Host impersonating [mx.example.com]",
		"550 HELO argument does not match the calling host",
		"550 5.7.1 Your HELO is not a fully qualified name",
		"501 5.5.4 Invalid EHLO argument",
		"550 HELO: invalid domain",
		"550 5.7.1 HELO host not found",
		"554 5.7.0 Rejected: HELO is our own name",
		"503 5.5.1 Error: send HELO/EHLO first",
		"550 5.5.1 polite people say HELO first",
		"550 Hostname is not valid",
		"554 5.7.1 Your server's name is not a FQDN",
		// our address
		"550 Connection refused for [192.0.2.9]",
		"554 5.7.1 Access denied for 192.0.2.9",
		"550 IP is not in the allow list",
		"550 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example.net",
		"554 5.7.1 <mx[192.0.2.9]>: Client host rejected: Access denied",
		"550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.9]",
		"550 5.7.25 The IP address sending this message does not have a PTR record",
		"550 5.7.25 no",
		"554 5.7.1 Reverse DNS lookup failed",
		"550 5.7.606 Access denied, banned sending IP [192.0.2.9]",
		"550 Your IP is on a blacklist",
		"550 5.7.1 Dynamic IP addresses may not send here",
		"554 5.7.1 poor reputation of 192.0.2.9",
		"550 Too many invalid recipients from your host",
		// our account
		"554 Sending paused for this account. For more information, please check the inbox of the email address associated with your account.",
		"550 5.1.8 Access denied, bad outbound sender",
		"550 5.7.1 Your account has been suspended",
		"554 5.7.1 This account is not allowed to send mail",
		"550 Your SMTP account is disabled, call support",
		"550 5.7.0 Out of credits",
		"525 5.7.13 User account disabled",
		"550 5.7.705 Access denied, tenant has exceeded threshold",
		"550 Your subscription has expired",
		// our quota
		"554 5.7.0 Your message could not be sent. The limit on the number of allowed outgoing messages was exceeded. Try again later.",
		"550 send spam mail rejected: exceeded hour limit",
		"554 Policy: hourly recipient limit reached",
		"554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		for _, stage := range []Stage{StageMail, StageRcpt, StageData, StageDot, StageUnknown} {
			if v := Of(stage, r); v.Recipient != RecipientLater {
				t.Errorf("%q to %v: %v, %v by %s", reply, stage, v.Recipient, v.Class, v.Rule)
			}
		}
	}
}

// What sounds alike and is about the recipient, the sender or the message still
// refuses.
func TestOtherRefusalsStayFinal(t *testing.T) {
	for _, reply := range []string{
		"550 5.1.1 <a@example.com>: Recipient address rejected: User unknown",
		"550 The account has been suspended",
		"550 5.2.1 This account is disabled",
		"504 5.5.2 <a>: Recipient address rejected: need fully-qualified address",
		"550 5.1.8 <a@example.com>: Sender address rejected: Domain not found",
		"550 5.7.26 This mail is unauthenticated",
		"550 5.7.1 Message content rejected",
		"552 5.3.4 Message size exceeds fixed limit",
		"534 SIZE=Message too big.",
		"550 a@192.0.2.9 IP addresses are not allowed as a From: Address.",
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageRcpt, r); v.Recipient != RecipientRefused {
			t.Errorf("%q: %v, %v by %s", reply, v.Recipient, v.Class, v.Rule)
		}
	}
}

// TestWhatIsOursAndNoRecipients: greylisting, our name and our DNS refuse nobody, whatever
// the code.
func TestWhatIsOursAndNoRecipients(t *testing.T) {
	for text, stage := range map[string]Stage{
		"554 5.5.1 Error: no valid recipients":                      StageData,
		"550 5.7.25 no":                                             StageRcpt,
		"550 5.7.506 no":                                            StageRcpt,
		"550 Greylisted, see you":                                   StageRcpt,
		"550 Lista gris, intente":                                   StageRcpt,
		"550 The sending address has no PTR record":                 StageRcpt,
		"550 5.7.1 Client host rejected: cannot find your hostname": StageRcpt,
		"550 5.5.1 RFC2821 HELO/EHLO needed":                        StageRcpt,
		"501 5.5.2 invalid HELO":                                    StageDot,
		"550 Отсутствует обратная запись DNS":                       StageRcpt,
		"550 5.7.1 Relaying denied, please authenticate first":      StageRcpt,
		"550 5.7.8 no":                                              StageUnknown,
		"550 5.7.57 no":                                             StageRcpt,
		"550 Your IP is in the open relay data base list":           StageDot,
	} {
		r, err := ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		got := Of(stage, r)
		if got.Recipient != RecipientLater {
			t.Errorf("%q at %v: %v, %v by %s", text, stage, got.Recipient, got.Class, got.Rule)
		}
	}
}

// TestWaitsOfRules: a text that asks to wait for no time that can be read leaves the wait of
// the rule.
func TestWaitsOfRules(t *testing.T) {
	c, err := New(given("moon", func(r *Rule) { r.RetryAfter = time.Hour }))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Duration{
		"moon is full": time.Hour, "moon is full, try again later": time.Hour, "moon is full, try again in 0 minutes": time.Hour, "moon is full, try again in 5 minutes": 5 * time.Minute,
	} {
		if got := c.Of(Input{Stage: StageRcpt}, NewReply(450, text)); got.RetryAfter != want {
			t.Errorf("%q: wait %v, want %v", text, got.RetryAfter, want)
		}
	}
}
