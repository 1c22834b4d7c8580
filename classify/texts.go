package classify

// otherTexts are the wordings of everything that is not a limit. The order is
// by how sure a wording is: what names its subject stands before "temporarily
// unavailable" and "policy", which many servers put in front of anything.
var otherTexts = []rule{
	// DATA after every RCPT was refused: the recipients have their answers.
	{class: Protocol, later: true, stages: at(StageData), texts: says("no valid recipients", "no valid rcpt", "no recipients")},
	// A check of the address is still under way.
	{class: ServerBusy, code: 4, texts: says("verification in progress", "unverified address", "unable to verify")},

	{class: IPReputation, texts: says("too many invalid", "too many bad recipients", "too many unknown")},
	{class: BadMailbox, texts: says(
		"user unknown", "unknown user", "no such user", "no such mailbox", "no such recipient", "no such person",
		"mailbox not found", "mail-box not found", "mailbox unknown", "unknown mailbox", "user not found",
		"recipient not found", "recipnotfound", "addressee unknown", "unknown recipient", "recipient unknown",
		"invalid recipient", "invalid mailbox", "not a valid mailbox", "user does not exist", "recipient does not exist",
		"mailbox does not exist", "user doesn't exist", "not our customer", "badrcptto", "recipients are invalid")},
	{class: MailboxFull, texts: says(
		"mailbox*full", "mailbox*quota", "over quota", "overquota", "over its quota", "quota exceeded", "quotaexceeded",
		"exceeds*quota", "exceeded*quota", "storage full", "out of storage", "disk quota", "account is full",
		"inbox is full", "mailbox size limit", "boite*pleine")},
	{class: Loop, texts: says("mail loop", "routing loop", "loopback", "too many hops", "hop count", "loop detected", "forwarding loop", "too many*received")},
	{class: MessageTooLarge, texts: says(
		"message size", "message too big", "message is too big",
		"too large", "size limit", "sizelimit", "message length exceeds", "databytes limit", "maximum size", "size exceeds",
		"number of attachments")},

	{class: TLS, texts: says(
		"starttls", "tls required", "tls connection", "tls not available", "tls currently", "support tls", "encryption required",
		"requires encryption", "require encryption", "requires tls", "must use tls", "encryption needed", "ciphers", "certificate")},
	{class: RelayDenied, texts: says(
		"relay access denied", "relay denied", "relay not permitted", "relaying not", "relay is not allowed",
		"not permitted to relay", "unable to relay", "relaying is", "to relay mail", "open relay",
		"rcpthosts", "no relaying", "we do not relay", "cannot relay", "relaying*denied", "not a gateway", "relay*prohibited")},
	{class: SenderAuth, texts: says(" spf", "dkim", "dmarc", "sender policy framework", "anti-spoofing", "sender is unauthenticated", " arc ")},
	{class: SMTPAuth, texts: says(
		"authentication required", "authentication is required", "authrequired", "authentication fail", "authenticate",
		"authentication data", "authentication credential", "authentication mechanism", "authentication type",
		"temporary authentication", "not logged in", "log in", "login", "username and password", "bad password", "auth failed",
		"auth failure")},
	{class: DNSSender, texts: says(
		"reverse dns", "reverse hostname", "rdns", " ptr ", "does not resolve", "name lookup failed", "forged hostname", "forged helo",
		"helo command rejected", "invalid helo", "helo name", "valid hostname", "sender domain", "domain of sender",
		"sender address rejected", "unroutable sender", "cannot resolve sender", "dns of*sender")},

	{class: DomainReputation, texts: says("sender address*blocked using", "domain*blacklisted", "domain*blocklisted", "domain blocked", "dbl.spamhaus", "domain is listed")},
	{class: IPReputation, texts: says(
		"blocked using", "blacklist", "black list", "blocklist", "block list", "blackhole list", "dnsbl", " rbl ",
		"spamhaus", "barracuda", "sorbs", "spamcop", "your ip", "this ip", "ip address", "ip has been", "bad ip",
		"client host rejected", "client host*blocked", "ip blocked", "banned s", "listed at", "listed by", "ip is blocked",
		"not accepting connections", "rbl.", "sbl.", "xbl", "cbl.")},

	{class: ContentRejected, texts: says("virus", "malware", "infected", "security issue", "attachment type", "bare lf", "bare line", "bare cr", "lone cr", "rfc 5322", "rfc2822", "rfc 2822")},
	{class: SpamContent, texts: says(
		"spam", "unsolicited", "junk", " ube", "bulk mail", "content filter", "message filtered", "message content rejected",
		"scoring", "uribl", "surbl", "blocked url")},
	{class: ContentRejected, texts: says(
		"header", "line too long", "line limit", " mime", "attachment", "invalid data", "8-bit", "blank from", "multiple addresses",
		"content rejected", "message content")},

	{class: MailboxDisabled, texts: says(
		"mailbox*disabled", "account*disabled", "user*disabled", "recipient*disabled", "email*disabled", "disabled recipient",
		"inactive", "deactivated", "discontinued", "account closed", "account expired", "suspended", "frozen", "user*locked",
		"account*locked", "not activated", "compte*bloque", "archivee")},
	{class: BadDomain, texts: says(
		"host unknown", "unknown host", "unknown domain", "domain not found", "no such domain", "domain*does not exist",
		"domain*doesn't exist", "domain lookup failed", "does not accept mail", "null mx", "no mx", "recipient domain",
		"no valid domain", "invalid domain", "domain name not found", "unable to route")},
	{class: Policy, code: 5, texts: says("access denied", "access-denied")},
	{class: BadMailbox, code: 5, texts: says(
		"mailbox unavailable", "mailbox not available", "mailbox is unavailable", "recipient rejected", " address rejected")},
	{class: BadMailbox, texts: says(
		"no such address", "no mailbox", "no mail box", "address not found", "address unknown", "unknown address",
		"unknown or illegal alias", "doesn't exist", "not exist", "no longer exists", "doesn't have a",
		"does not have an account", "invalid user", "invalid address", "bad address", "bad destination", "malformed address",
		"unrouteable", "unroutable", "no longer valid", "no longer on server", "no account", "not a registered",
		"wrong recipient", "not a valid recipient", "no valid recipients", "destinataire invalide")},

	{class: Protocol, texts: says(
		"syntax error", "out of sequence", "bad sequence", "sequence of commands", "not recognized", "unrecognized", "unrecognised",
		"unimplemented", "not implemented", "nested mail", "need mail", "need rcpt", "protocol violation", "protocol error",
		"too many errors", "without mail", "unknown command", "bad command", "invalid command", "pipelin")},
	{class: Network, code: 4, texts: says("timeout", "timed out", "connection expired", "lost*connection", "lost input", "ended early")},
	{class: Greylisted, code: 4, enhanced: ".3.2", texts: says("service currently unavailable")}, // postscreen, at a first visit
	{class: ServerBusy, code: 4, texts: says(
		"busy", " load", "overload", "resources", "shutting down", "unavailable", "not available", "not currently available",
		"internal", "temporary", "temporarily", "try again", "try*later", "come back", "configuration error",
		"lookup fail", "local error", "out of memory", "queue", "maintenance", "local problem")},
	{class: ServerBusy, code: 5, texts: says("service unavailable", "service currently unavailable", "service not available", "system error", "configuration error", "config error")},
	{class: Policy, code: 5, texts: says(
		"policy", "policies", "prohibit", "administrat", "not allowed", "not permitted", "no permit", "not authorized",
		"notauthorized", "permission", "rejected", "refused", "denied", "blocked", "restricted")},
}
