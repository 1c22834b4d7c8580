package classify

// senderTexts are about what a sender is: a stranger that may not relay, without
// a login or a proof of its name, or on a list.
var senderTexts = []Rule{
	{ // what was paid for, or what it was used for
		Name: "text-our-account", Class: ClassSMTPAuth, Codes: []int{5},
		Contains: []string{
			"sending paused", "sending is paused", "sending has been paused", "sending suspended", "sending is suspended",
			"sending has been suspended", "sending disabled", "sending is disabled", "sending has been disabled",
			"your account*suspended", "your account*disabled", "your account*locked",
			"your account*restricted", "your account*expired", "your account*not allowed", "your account*review",
			"account*not allowed to send", "account*cannot send", "account*may not send", "account*suspended from sending",
			"account*disabled for sending", "account*paused", "sending privileges", "bad outbound sender",
			"restricted from sending", "out of credits", "insufficient credits", "not enough credits", "insufficient balance",
			"smtp account", "sender account", "sending account", "available in bridge",
		},
		Matches: []string{
			"554 Sending paused for this account",
			"550 5.1.8 Access denied, bad outbound sender",
			"550 Your account has been suspended, write to support",
		},
		Rejects: []string{"550 The account has been suspended", "550 5.2.1 This account is disabled"},
	},
	{ // what broke a rule of the dialogue, though a login or TLS is named
		Name: "text-protocol-violation", Class: ClassProtocol,
		Contains: []string{"protocol violation", "protocol error", "may not be repeated"},
		Matches:  []string{"454 4.5.0 Protocol violation, nothing may be pipelined after STARTTLS"},
		Rejects:  []string{"530 Must issue a STARTTLS command first"},
	},
	{
		Name: "text-tls", Class: ClassTLS,
		Contains: []string{
			"starttls", "tls required", "tls is required", "tls connection", "tls not available", "tls currently",
			"tls is not available", "tls unavailable", "support tls", "encryption required", "encryption is required",
			"session encryption", "encrypted connection", "requires encryption", "require encryption", "requires tls",
			"require tls", "use tls", "tls version", "tls handshake", "tls negotiation", "tls failed", "encryption needed",
			"encryption too weak", "ciphers", "certificate", "secure connection",
		},
		Matches: []string{
			"530 5.7.0 Must issue a STARTTLS command first",
			"454 4.7.0 TLS is not available",
			"550 5.7.10 Encryption required",
		},
		Rejects: []string{"550 5.7.1 authentication required", "454 4.7.0 Too many sessions"},
	},
	{ // a login would help
		Name: "text-login-to-relay", Class: ClassRelayDenied, Later: true,
		Contains: []string{
			"authentication*relay", "authenticate*relay", "relay*authentication", "relay*authenticate", "log in*to relay",
			"login*to relay", "logged in*to relay",
		},
		Matches: []string{
			"550 5.7.1 Relaying denied, authentication required",
			"554 5.7.1 You must authenticate before you can relay",
		},
		Rejects: []string{"554 5.7.1 <a@example.com>: Relay access denied"},
	},
	{
		Name: "text-relay-denied", Class: ClassRelayDenied,
		Contains: []string{
			"relay denied", "relay not permitted", "relay not allowed", "relaying not", "relay is not", "relaying is",
			"relay operation", "relaying*denied", "relay rejected", "relay access", "relay blocked", "denied relay",
			"relay attempt", "relaying attempt", "not permitted to relay", "not allowed to relay",
			"not authorized to relay", "unable to relay", "cannot relay", "cant relay", "could not relay", "do not relay",
			"dont relay", "doesnt relay", "does not relay", "wont relay", "no relay", "to relay mail", "required for relay",
			"required to relay", "open relay", "unauthorized relay", "not a relay", "rcpthosts", "not a gateway",
			"not local host", "relay*prohibited", "invalid credentials for relay", "sending denied", "not in my domain",
			"not one of our domains", "not a local domain", "we do not accept mail for", "not accept mail for that domain",
			"through this server", "relais interdit", "insecure mail relay",
		},
		Matches: []string{
			"554 5.7.1 <a@example.com>: Relay access denied",
			"550 5.7.64 TenantAttribution; Relay Access Denied",
			"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
		},
		Rejects: []string{"554 Blocked: the host is a relay on a list", "550 5.4.5 relay quota used up"},
	},
	{
		Name: "text-sender-auth", Class: ClassSenderAuth,
		Contains: []string{
			" spf", "dkim", "dmarc", "sender policy framework", "domainkeys", "spoofing", "spoofed",
			"purported responsible", "senderid", "sender id ", " arc ", "mismatches client ip", "invalid ip for sending",
			"not aligned", "unauthenticated email", "unauthenticated mail", "authentication checks", "forged sender",
			"possible forgery of",
		},
		Matches: []string{
			"550 5.7.1 Rejected by the DMARC policy of example.com",
			"550 SPF: 192.0.2.9 may not send for example.com",
		},
		Rejects: []string{"550 spoof", "550 5.7.1 not authenticated"},
	},
	{
		Name: "text-login", Class: ClassSMTPAuth,
		Contains: []string{
			"authentication required", "authentication is required", "authentication needed", "authrequired",
			"authentication fail", "authentication not", " authenticate", "authentication data",
			"authentication credential", "authentication mechanism", "authentication type", "authentication unsuccessful",
			"authentication error", "authentication rejected", "authentication requise", "authentification",
			"invalid credentials", "temporary authentication", "not logged in", "unauthenticated senders",
			"unauthenticated commands", "autenticacion", "autenticación",
			"autenticazione", "anmeldung", "sign in", " log in", "login", "logon", "username and password", "user name and password",
			"bad password", "invalid password", "wrong password", "incorrect password", "password required", "auth failed",
			"auth failure", "auth required", "auth command first", "password transition", "smtp auth", "smtpauth",
			"submitter failed", "oauth",
		},
		Matches: []string{
			"530 5.7.0 Authentication required",
			"535 5.7.8 Error: authentication failed",
			"550 Log in before you send",
		},
		Rejects: []string{"550 5.7.26 sender unauthenticated", "550 5.7.1 access denied"},
	},
	{ // what looks at the message, though a list is named
		Name: "text-spam-seen", Class: ClassSpamContent,
		Contains: []string{
			"url in message", "spam pattern", "antispam check", "spam score", "spam scale", "spam content",
			"appears to be unsolicited", "as spam", "to be spam", "message scoring", "messagescoring", "similar to spam",
		},
		Matches: []string{"550 Blacklisted URL in message", "554 5.7.1 Your spam score is 12"},
		Rejects: []string{"554 5.7.1 blacklisted as a source of spam runs"},
	},
	{
		Name: "text-block-policy", Class: ClassPolicy,
		Contains: []string{
			"block policy", "inbounds disabled", "outbounds disabled", "blocked sender", "manual block", "manually blocked",
			"your country", "your region", "geographic", "countries.", "geoip",
		},
		Matches: []string{
			"550 Rejected by header based blocked senders - block policy",
			"554 Connections from your country are not accepted",
		},
		Rejects: []string{"554 Blocked using bl.example.net"},
	},
	{
		Name: "text-dns-sender", Class: ClassDNSSender,
		Contains: []string{
			" ptr ", "does not resolve", "doesnt resolve", "not resolve to", "name lookup failed", "forged hostname",
			"forged helo", "helo*forged", "unknown client host", "helo command rejected", "bad helo", "helo name",
			"helo host", "valid hostname", "hostname required", "fully qualified", "sender domain", "senders domain",
			"domain of sender", "domain of the sender", "sender address rejected", "unroutable sender", "invalid sender",
			"sender unknown", "unknown sender", "sender does not exist", "cannot resolve sender",
			"cannot find your hostname", "cannot find your reverse", "dns of*sender", "from: domain is invalid",
			"verify mailfrom", "mailfrom*failed", "sender verify", "sender verification", "verify sender",
			"mismatches client", "mx record for*sender", "return path", "bogus helo", "emetteur invalide",
			"no such domain*from",
		},
		Matches: []string{
			"450 4.7.1 <mx>: Helo command rejected: Host not found",
			"550 5.1.8 Domain of sender address a@example.com does not exist",
			"450 4.1.8 Sender address rejected: Domain not found",
		},
		Rejects: []string{"550 5.1.2 Host unknown", "550 Recipient address rejected"},
	},
	{
		Name: "text-blocklist", Class: ClassIPReputation,
		Contains: []string{
			"blocked using", "blocked by*list", "blacklist", "black list", "blocklist", "block list", "blackhole list",
			"blackholes.", "denylisted", "our denylist", "dnsbl", " rbl", " drbl", "spamhaus", "barracuda", "sorbs",
			"spamcop", "surriel", "uceprotect", "abuseat", "invaluement", "senderscore", "cloudmark", "hostkarma",
			"junkemailfilter", "spamrats", "mailspike", "truncate.gbudb", "manitu", "psbl", "rbl.", "sbl.", "xbl", "cbl.",
			"pbl.", "zen.", "bl.spam", "symantec zodiac", "ers.trendmicro", "listed at", "listed by", "listed in",
			"is listed", "listed on", "found in*list", "found in spl", "found in bl", "found on one or more",
			"is on the*list", "banned s", "delist", "ipcheck.proofpoint", "postmaster/blocked", "lookup site",
			"spammer list", "rtr:", "csi.",
		},
		Matches: []string{
			"554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example.net",
			"550 192.0.2.9 is on a blacklist",
			"550 5.7.1 listed by a DNSBL",
		},
		Rejects: []string{"550 5.7.1 relay denied", "550 Spam"},
	},
	{ // a mailbox at an address, in the message
		Name: "text-from-field", Class: ClassContentRejected,
		Contains: []string{"allowed as a from"},
		Matches:  []string{"550 a@192.0.2.9 IP addresses are not allowed as a From: Address."},
		Rejects:  []string{"550 5.7.1 Your IP address is not allowed"},
	},
	{
		Name: "text-our-address", Class: ClassIPReputation,
		Contains: []string{
			"your ip", "this ip", "the ip ", "your host", "source ip", "client ip", "remote ip", "from ip", "sending ip",
			"ip address", "ip has been", "bad ip", "from your address", "ip blocked", "ip is blocked", "ip not allowed",
			"ip denied", " ip*blocked", " ip*banned", "adresse ip", "ihre ip", "dynamic ip", "dynamic address",
			"dynamically assigned", "residential", "dial up", "dialup", "client address*blocked", "client rejected",
			"host rejected", " host*blocked", "not accepting connections", "connections not accepted",
			"connections will not be accepted", "not allowed to connect", "may not be mail exchanger",
			"your access to*rejected", "access to submit messages", "from*weren't sent", "unwanted messages",
			"mail rejected by outlook.com for policy reasons", "service refuse", "open proxy", "intrusion", "compromised",
			"your server ip", "your mail server", "your mailserver", "your isp", "your network", "ont ete bloques",
			"bloques par", "adresse*bloquee", "blocked see", "rejected see", "block for spam", "sending spam",
			"tosa@rx.t-online", "a problem occurred", "denyip",
		},
		Matches: []string{
			"554 5.7.1 <mx[192.0.2.9]>: Client host rejected",
			"550 Your IP is blocked",
			"550 5.7.0 Blocked - see the page",
		},
		Rejects: []string{"550 5.7.1 message refused", "550 User unknown"},
	},
	{ // of our HELO, whichever command it is said to
		Name: "text-helo", Class: ClassProtocol, Later: true, Codes: []int{5},
		Contains: []string{" helo ", " ehlo ", "helo/ehlo", "ehlo/helo"},
		Matches:  []string{"501 5.5.2 invalid HELO", "550 5.5.1 RFC2821 HELO/EHLO needed"},
		Rejects:  []string{"500 5.5.2 Unrecognized command"},
	},
}
