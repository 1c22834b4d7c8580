package classify

import "testing"

// meaning is the part of a verdict that a test of an ambiguity looks at.
type meaning struct {
	class     Class
	limit     Limit
	scope     Scope
	recipient Recipient
}

// TestAmbiguities has the replies of which the code, and often the text, say one
// thing and mean another.
func TestAmbiguities(t *testing.T) {
	mailboxRate := meaning{ClassRecipientRateLimited, LimitMailboxRate, ScopeRecipient, RecipientLater}
	suspicious := meaning{ClassIPReputation, LimitNone, ScopeSource, RecipientLater}
	connections := meaning{ClassTooManyConnections, LimitConnections, ScopeSource, RecipientLater}
	perConnection := meaning{ClassConnectionMessageLimit, LimitMessagesPerConnection, ScopeConnection, RecipientLater}
	perMessage := meaning{ClassTooManyRecipients, LimitRecipientsPerMessage, ScopeMessage, RecipientLater}
	greylisted := meaning{ClassGreylisted, LimitNone, ScopeRecipient, RecipientLater}
	busy := meaning{ClassServerBusy, LimitNone, ScopeDestination, RecipientLater}
	full := meaning{ClassMailboxFull, LimitNone, ScopeRecipient, RecipientLater}
	rate := func(l Limit) meaning { return meaning{ClassRateLimited, l, ScopeSource, RecipientLater} }
	rcpt, mail, dot, banner := Input{Stage: StageRcpt}, Input{Stage: StageMail}, Input{Stage: StageDot}, Input{Stage: StageBanner}

	tests := []struct {
		name  string
		in    Input
		reply string
		want  meaning
	}{
		{"1: 450 4.2.1 is a mailbox that gets mail too fast", rcpt, "450 4.2.1 The user is receiving mail at a rate that is too high", mailboxRate},
		{"1: also without a text", rcpt, "450 4.2.1", mailboxRate},
		{"1: but not where a domain is disabled", rcpt, "450 4.2.1 recipient domain temporarily disabled", meaning{ClassMailboxDisabled, LimitNone, ScopeRecipient, RecipientLater}},
		{"1: nor where the customer sends too fast", mail, "450 4.2.1 Peak SMTP relay limit exceeded for this customer", meaning{ClassRateLimited, LimitQuota, ScopeAccount, RecipientLater}},
		{"2: a mailbox's rate as 550 5.2.1", rcpt, "550 5.2.1 The user is receiving mail at a rate that is too high", mailboxRate},
		{"2: a mailbox's rate as 554 5.2.121", dot, "554 5.2.121 Recipient's hourly share of one sender", mailboxRate},
		{"2: a mailbox's rate as 554 5.2.122", dot, "554 5.2.122", mailboxRate},
		{"3: 451 4.7.1 greylisting", rcpt, "451 4.7.1 Greylisting in action, try again later", greylisted},
		{"3: 451 4.7.1 greylisting after the dot, without the word", dot, "451 4.7.1 Try again later", greylisted},
		{"3: 451 4.7.1 of a milter that is away", rcpt, "451 4.7.1 Service unavailable - try again later", busy},
		{"3: 451 4.7.1 of a mailbox over quota", rcpt, "451 4.7.1 mailbox is over quota", full},
		{"3: 451 4.7.1 of DMARC", dot, "451 4.7.1 Temporarily rejected by DMARC policy", meaning{ClassSenderAuth, LimitNone, ScopeSenderDomain, RecipientLater}},
		{"4: Microsoft's busy server", mail, "451 4.7.500 Server busy. Please try again later from [192.0.2.9]. (S77714)", suspicious},
		{"4: Yahoo's deferral", mail, "421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred", suspicious},
		{"4: Apple's deferral", mail, "421 [HCM1] Your mail from 192.0.2.9 was deferred.", suspicious},
		{"5: 452 4.5.3 of recipients", rcpt, "452 4.5.3 Error: too many recipients", perMessage},
		{"5: 452 4.5.3 of messages", mail, "452 4.5.3 Too many recipients: Too many messages sent", perConnection},
		{"5: 452 4.5.3 of a batch", mail, "452 4.5.3 Service unavailable, batch limit reached", perConnection},
		{"5: 452 4.5.3 of a rate", rcpt, "452 4.5.3 Rate limit exceeded", rate(LimitMessageRate)},
		{"6: 452 4.1.1 of a full mailbox", rcpt, "452 4.1.1 a@example.com mailbox full", full},
		{"6: 452 4.1.1 of a rate", rcpt, "452 4.1.1 a@example.com sends too fast", rate(LimitMessageRate)},
		{"6: 452 4.2.2 of greylisting", rcpt, "452 4.2.2 Greylisted, please try again", greylisted},
		{"6: 552 of a full mailbox", rcpt, "552 5.2.2 Over quota", meaning{ClassMailboxFull, LimitNone, ScopeRecipient, RecipientRefused}},
		{"6: 552 of size", dot, "552 Message too large", meaning{ClassMessageTooLarge, LimitNone, ScopeMessage, RecipientRefused}},
		{"6: 552 of recipients", rcpt, "552 too many recipients", perMessage},
		{"6: 552 of spam", dot, "552 spam message", meaning{ClassSpamContent, LimitNone, ScopeMessage, RecipientRefused}},
		{"6: 552 of a rate", dot, "552 too many mails of one size", rate(LimitMessageRate)},
		{"7: 421 at the banner is load", banner, "421", busy},
		{"7: 421 at the banner of connections", banner, "421 too many connections", connections},
		{"7: 421 at the first MAIL is load", Input{Stage: StageMail, Ordinal: 1}, "421 closing connection", busy},
		{"7: 421 at a later MAIL is the connection's share", Input{Stage: StageMail, Ordinal: 11}, "421 closing connection", perConnection},
		{"7: also without a text", Input{Stage: StageMail, Ordinal: 2}, "421", perConnection},
		{"7: also with a code that says nothing", Input{Stage: StageMail, Ordinal: 2}, "421 4.3.0 bye", perConnection},
		{"7: also where it says when to come back", Input{Stage: StageMail, Ordinal: 2}, "421 spaeter erneut versuchen", perConnection},
		{"7: not where a reason is given", Input{Stage: StageMail, Ordinal: 11}, "421 4.3.2 shutting down", busy},
		{"7: 421 at RCPT is of guessed addresses", rcpt, "421 Too many bad recipients", meaning{ClassPolicy, LimitNone, ScopeRecipient, RecipientLater}},
		{"7: 421 after DATA of a busy server", dot, "421 4.3.0", busy},
		{"7: 421 after DATA without a reason is busy", dot, "421", busy},
		{"7: 421 after DATA of Orange is about the sender", dot, "421 Service refuse. Veuillez essayer plus tard. OFR005_505", suspicious},
		{"8: 554 5.7.1 at the banner", banner, "554 5.7.1 You are not welcome", suspicious},
		{"8: 554 at the banner", banner, "554", suspicious},
		{"9: QQ's 550", mail, "550 Connection frequency limited", rate(LimitConnectionRate)},
		{"9: Charter's 550 of connections", mail, "550 5.1.0 <a@example.com> sender rejected. AUP#In-1310", connections},
		{"9: Charter's 550 of a rate", mail, "550 5.1.0 <a@example.com> sender rejected. AUP#In-1350", rate(LimitMessageRate)},
		{"9: GoDaddy's sessions", banner, "554 Refused. IB007", connections},
		{"9: GoDaddy's messages", mail, "550 Refused. IB504", rate(LimitMessageRate)},
		{"9: GoDaddy's messages per session", mail, "550 Exceeded the max number of messages per session. IB510", perConnection},
		{"9: GoDaddy's recipients", rcpt, "550 Refused. IB607", rate(LimitRecipientRate)},
		{"9: Google's 550 5.4.5", mail, "550 5.4.5", rate(LimitQuota)},
		{"9: Google's 550 5.7.28", dot, "550 5.7.28", rate(LimitMessageRate)},
		{"9: a relay's daily quota", rcpt, "554 You have reached your daily relay quota", meaning{ClassRateLimited, LimitQuota, ScopeAccount, RecipientLater}},
		{"11: one text for connections at once", banner, "421 4.7.0 mx Error: too many connections from 192.0.2.9", connections},
		{"12: 421 with 5.7.32", dot, "421 5.7.32", meaning{ClassSenderAuth, LimitNone, ScopeSenderDomain, RecipientLater}},
		{"12: 550 with 4.1.1", rcpt, "550 4.1.1", meaning{ClassBadMailbox, LimitNone, ScopeRecipient, RecipientRefused}},
		{"13: odd codes", rcpt, "432 recipient thread limit exceeded", mailboxRate},
		{"13: 591 on a list", mail, "591 your host is blacklisted", suspicious},
		{"13: #4.4.5", banner, "421 #4.4.5 Too many connections from your host.", connections},
		{"13: the code at the end", rcpt, "550 sorry (#5.1.1)", meaning{ClassBadMailbox, LimitNone, ScopeRecipient, RecipientRefused}},
		{"14: three digits", mail, "451 4.7.652", connections},
		{"14: 5.7.40 as printed", dot, "550 5.7.40", meaning{ClassSenderAuth, LimitNone, ScopeSenderDomain, RecipientRefused}},
		{"15: postscreen's first visit", rcpt, "450 4.3.2 Service currently unavailable", greylisted},
		{"15: other 4.3.2 of load", banner, "421 4.3.2 All server ports are busy", busy},
		{"15: other 4.3.2 of connections", banner, "421 4.3.2 The maximum number of concurrent connections has exceeded a limit", connections},
		{"16: RP-001", banner, "421 RP-001 The server has exceeded the rate limit allowed.", meaning{ClassIPReputation, LimitMessageRate, ScopeSource, RecipientLater}},
		{"16: RP-002", banner, "421 RP-002 The server has exceeded the rate limit allowed on this connection.", meaning{ClassIPReputation, LimitMessagesPerConnection, ScopeSource, RecipientLater}},
		{"16: RP-003", banner, "421 RP-003 The server has exceeded the connection limit allowed.", connections},
		{"16: 4.7.652 with its text", banner, "451 4.7.652 The server has exceeded the maximum number of connections. (S3115)", connections},
		{"17: a call-ahead", rcpt, "450 4.1.1 unverified address: Address verification in progress", busy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply, err := ParseReply(tt.reply)
			if err != nil {
				t.Fatal(err)
			}
			v := (&Classifier{}).Of(tt.in, reply)
			if got := (meaning{v.Class, v.Limit, v.Scope, v.Recipient}); got != tt.want {
				t.Errorf("%s: got %+v by %s, want %+v", tt.reply, got, v.Rule, tt.want)
			}
		})
	}
}

// TestWordsOutrankWeakCodes: of a text that no rule knows the model finds the class, where
// the code or a word such as goodbye says little.
func TestWordsOutrankWeakCodes(t *testing.T) {
	const text = " the letter is too long for us"
	for _, tt := range []struct {
		stage Stage
		reply string
		want  Class
	}{
		{StageRcpt, "421" + text, ClassMessageTooLarge}, {StageRcpt, "451" + text, ClassMessageTooLarge}, {StageRcpt, "454" + text, ClassMessageTooLarge},
		{StageRcpt, "501" + text, ClassMessageTooLarge}, {StageRcpt, "521" + text, ClassMessageTooLarge}, {StageRcpt, "556" + text, ClassMessageTooLarge},
		{StageRcpt, "554 5.7.1" + text, ClassMessageTooLarge}, {StageMail, "550" + text, ClassMessageTooLarge},
		{StageRcpt, "450 4.1.1 goodbye, only these recipients were reached", ClassBadMailbox},
	} {
		r, err := ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		if got := Of(tt.stage, r); got.Class != tt.want || got.Rule != guessName {
			t.Errorf("%q at %v: got %v by %s, want %v", tt.reply, tt.stage, got.Class, got.Rule, tt.want)
		}
	}
}

// TestRefusedGreetings: HELO may follow an EHLO whose command or parameter is not known. Any
// other refusal ends the connection.
func TestRefusedGreetings(t *testing.T) {
	for code, want := range map[int]Connection{500: ConnKeep, 501: ConnDrop, 502: ConnKeep, 503: ConnDrop, 504: ConnKeep, 505: ConnDrop, 550: ConnDrop, 421: ConnDrop} {
		if got := Of(StageEHLO, &Reply{Code: code}).Connection; got != want {
			t.Errorf("%d: the connection is to %v, want %v", code, got, want)
		}
	}
}

// TestClassesThatAreNeverGuessed: limits, greylisting and success are known by their words
// alone.
func TestClassesThatAreNeverGuessed(t *testing.T) {
	if got, want := len(fallbackWeights), fallbackRows*fallbackWidth; got != want {
		t.Fatalf("%d weights, want %d", got, want)
	}
	folded := fold(nil, "words that nobody has said before")
	for i := range Classes {
		class := Class(i)
		weights := make([]byte, fallbackRows*fallbackWidth) // for this class alone
		for row := range fallbackRows {
			weights[row*fallbackWidth+i] = 1
		}
		got, sure := guess(weights, Input{Stage: StageRcpt}, &Reply{Code: 450}, folded)
		want := limitOfClass[class] == LimitNone && class != ClassOK && class != ClassGreylisted && class != ClassUnknown
		if sure != want || sure && got != class {
			t.Errorf("%v: guessed %v, sure: %v, want %v", class, got, sure, want)
		}
	}
}
