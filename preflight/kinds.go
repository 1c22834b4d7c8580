package preflight

// kind is one check with a Finding: its ID, its possible levels, and the source of its
// rule.
type kind struct {
	id        string
	levels    []Level
	title     string
	reference string
}

var (
	all    = []Level{OK, Warn, Fail, Unknown}
	noWarn = []Level{OK, Fail, Unknown}
	noFail = []Level{OK, Warn, Unknown}
	local  = []Level{OK, Warn, Fail} // of what asks nobody
)

const (
	gmailRules     = "https://support.google.com/a/answer/81126"
	yahooRules     = "https://senders.yahooinc.com/best-practices/"
	microsoftRules = "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx"
)

// kinds are all checks, in the order of their findings.
var kinds = []kind{
	{"sender.address", []Level{OK, Fail}, "the address of From is one, and of a domain of your own", "RFC 5322 3.4.1; " + gmailRules},
	{"spf.record", all, "the SPF record is there once and means something", "RFC 7208 4.5, 4.6"},
	{"spf.lookups", all, "the SPF record keeps to ten look-ups and two void ones", "RFC 7208 4.6.4"},
	{"spf.source", all, "SPF passes for each source address", "RFC 7208 2.6; " + gmailRules},
	{"dkim.key", all, "the DKIM key of the selector can be used", "RFC 6376 3.6.1; RFC 8301 3.2"},
	{"dkim.signature", all, "the signature of the sample is valid", "RFC 6376 6.1"},
	{"dmarc.record", all, "the DMARC record is there once and asks for something", "RFC 7489 6.3, 6.6.3"},
	{"dmarc.reports", all, "DMARC reports arrive", "RFC 7489 6.2, 7.1"},
	{"dmarc.alignment", all, "SPF or DKIM passes for the domain of From", "RFC 7489 3.1"},
	{"source.ptr", all, "each source address has a name that leads back to it", "RFC 1912 2.1; " + gmailRules},
	{"source.helo", all, "the HELO name is one, and leads to a source address", "RFC 5321 4.1.1.1, 4.1.4"},
	{"domain.mx", all, "the domain takes replies and bounces", "RFC 5321 5.1; RFC 7505"},
	{"domain.postmaster", noWarn, "postmaster is a mailbox", "RFC 5321 4.5.1"},
	{"domain.abuse", noFail, "abuse is a mailbox", "RFC 2142 4"},
	{"mta-sts.record", noWarn, "the MTA-STS record is valid", "RFC 8461 3.1"},
	{"mta-sts.policy", all, "the MTA-STS policy is valid and names the MX hosts", "RFC 8461 3.2, 3.3, 4.1"},
	{"tls-rpt.record", all, "the TLS-RPT record is valid", "RFC 8460 3"},
	{"bimi.record", noFail, "the BIMI record is valid and can have an effect", "draft-brand-indicators-for-message-identification 4"},
	{"relay.connect", noWarn, "the relay can be reached", "RFC 5321 3.1"},
	{"relay.starttls", all, "the relay offers TLS", "RFC 3207; RFC 8314"},
	{"relay.certificate", all, "the relay's certificate is valid for some time", "RFC 5280 4.1.2.5; RFC 8314 3"},
	{"relay.login", all, "the relay takes the login", "RFC 4954"},
	{"relay.sender", noWarn, "the relay takes the envelope sender", "RFC 5321 3.3"},
	{"port25", all, "receivers can be reached on port 25", "RFC 5321 4.5.4.2"},
	{"dnsbl.address", all, "no block list has a source address", "RFC 5782 2.1, 5"},
	{"dnsbl.domain", all, "no block list has a domain", "RFC 5782 3, 5"},
	{"message.sample", []Level{Fail, Unknown}, "the sample can be read", "RFC 5322 2"},
	{"message.from", local, "the message has one From, with one address of the domain", "RFC 5322 3.6.2; " + gmailRules},
	{"message.id", local, "the message has a Message-ID", "RFC 5322 3.6.4; " + gmailRules},
	{"message.date", local, "the message has a Date of now", "RFC 5322 3.6.1"},
	{"message.size", local, "the message is not too large", "https://support.google.com/mail/answer/6584"},
	{"message.lines", []Level{OK, Fail}, "lines end in CRLF and are not too long", "RFC 5322 2.1.1, 2.3"},
	{"message.8bit", local, "octets above 127 are declared", "RFC 6152; RFC 2045 6"},
	{"bulk.unsubscribe", all, "recipients can unsubscribe with one click", "RFC 8058 3.1, 4; " + gmailRules + "; " + yahooRules},
	{"bulk.complaints", []Level{Unknown}, "hardly anybody complains", gmailRules + "; " + yahooRules + "; " + microsoftRules},
}

// kindOf returns the kind of an ID. It panics for one that is not there.
func kindOf(id string) kind {
	for _, k := range kinds {
		if k.id == id {
			return k
		}
	}
	panic("preflight: no kind " + id)
}

// orderOf returns the place of an ID among all findings.
func orderOf(id string) int {
	for i, k := range kinds {
		if k.id == id {
			return i
		}
	}
	return len(kinds)
}
