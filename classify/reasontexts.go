package classify

// reasonTexts say why a receiver slows down, or more. That may be more than a
// limit: a sender that does not prove itself, or is not liked, is not helped by
// waiting for a token.
var reasonTexts = []Rule{
	{
		Name: "text-sender-auth-reason", Class: SenderAuth,
		Contains: []string{
			"because*authenticat", "because*spf", "because*dkim", "because*dmarc", "from header*authenticat",
			"from: header*aligned", "spf record", "dmarc record", "dkim record", "required authentication level",
			"must be authenticated with spf", "authenticate with either spf", "sender is unauthenticated",
		},
		Matches: []string{"421 4.7.26 Rate limited because DKIM did not pass", "550 5.7.23 Your SPF record has an error"},
		Rejects: []string{"450 rate limited because of complaints", "550 5.7.1 authentication required"},
	},
	{
		Name: "text-tls-reason", Class: TLS,
		Contains: []string{
			"not using a tls", "not using tls", "wasnt sent over a tls", "not sent over a tls", "not sent over tls",
			"over an encrypted connection",
		},
		Matches: []string{"421 4.7.29 Rate limited because you are not using TLS"},
		Rejects: []string{"421 rate limited"},
	},
	{
		Name: "text-dns-reason", Class: DNSSender,
		Contains: []string{
			" ptr record", "reverse dns", "reverse hostname", "reverse lookup", "reverse record", "no reverse",
			"reverse entry", " rdns ", "ptr lookup", "no ptr", "missing ptr", "invalid ptr", "generic ptr",
			"ip name lookup failed", "host name lookup failed", "unverifyable sending", "unverifiable sending",
			"forward confirmed",
		},
		Matches: []string{"550 5.7.25 The sending address has no PTR record", "421 Your reverse DNS is missing"},
		Rejects: []string{"550 5.7.1 DNS blocklist"},
	},
	{
		Name: "text-domain-reputation", Class: DomainReputation,
		Contains: []string{
			"reputation of the sending domain", "reputation of your domain", "reputation of the domain",
			"reputation of your sending domain", " domain reputation", "domain has been blacklisted",
			"domain has been blocklisted", "domain is blacklisted", "domain is blocklisted", "domain*blacklisted by",
			"domain has been blocked", "domain is blocked", "domain blocked due", "domain*on our block list",
			"domain is listed", "domain*listed in dbl", "dbl.spamhaus", "spamhaus dbl", "sender domain*blocked",
			"sending domain*blocked", "sender address*blocked using", "domain*bad reputation", "domain*poor reputation",
			"domain frequency limited",
		},
		Matches: []string{
			"550 5.7.1 Your domain has a poor reputation here",
			"554 5.7.1 Sender address rejected: domain is listed in a block list",
		},
		Rejects: []string{
			"421 RP-003 Reason for limitation is related to IP/domain reputation.",
			"550 5.7.1 Your address has a poor reputation",
		},
	},
	{
		Name: "text-reputation", Class: IPReputation,
		Contains: []string{"senderbase", "reputation"},
		Matches: []string{
			"554 Your access has been rejected due to the sending MTA's poor reputation",
			"421 4.7.0 IP reputation",
		},
		Rejects: []string{"554 5.7.1 refused"},
	},
}
