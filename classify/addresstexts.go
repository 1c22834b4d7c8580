package classify

// addressTexts are sure of what is wrong with a recipient's address, or with the
// message, whatever else they say.
var addressTexts = []Rule{
	{ // the codes of routing: a host behind the one that answers
		Name: "text-next-host", Class: ClassNetwork, Codes: []int{4}, Enhanced: []string{"x.4.x"},
		Contains: []string{
			"connection refused", "timed out", "timeout", "connection reset", "not respond", "unreachable", "socket error", "failover",
			"failed to connect", "could not connect", "unable to connect", "connection dropped", "connection lost", "lost connection", "no route", "inactivity",
		},
		Matches: []string{
			"450 4.4.1 Connection refused [Message=Socket error code 10061]",
			"451 4.4.0 Primary target IP address responded with: 421 4.4.1 Connection timed out. Attempted failover to alternate host",
		},
		Rejects: []string{"450 4.7.1 Connection refused", "550 5.4.1 no answer"},
	},
	{ // DATA after every RCPT was refused: the recipients have their answers
		Name: "text-no-recipients-left", Class: ClassProtocol, Later: true, Stages: []Stage{StageData}, Codes: []int{503, 554},
		Contains: []string{"no valid recipients", "no valid rcpt", "no recipients", "all recipients"},
		Matches:  []string{"554 5.5.1 Error: no valid recipients", "503 5.5.1 All recipients were rejected"},
		Rejects:  []string{"554 5.7.1 spam"},
	},
	{ // nothing but the sender has been named yet
		Name: "text-sender-domain", Class: ClassDNSSender, Stages: []Stage{StageEHLO, StageMail},
		Contains: []string{
			"no such domain", "invalid domain", "domain not found", "does not exist", "user unknown", "unknown user",
			"host not found",
		},
		Matches: []string{"501 5.0.0 Invalid domain name", "550 5.1.7 No such domain"},
		Rejects: []string{"501 Syntax error"},
	},
	{ // RFC 3463 3.2: whose address it is, where the words do not say so
		Name: "text-sender-by-code", Class: ClassDNSSender, Enhanced: []string{"x.1.7", "x.1.8"},
		Contains: []string{
			"no such domain", "invalid domain", "doesnt exist", "not exist", "user unknown",
			"unknown user", "host unknown", "unknown host", "domain unknown", "unknown domain", "no mx",
			"mx record", "no such user", "no mailbox", "mailbox unavailable", "bad address",
			"invalid address", "address invalid", "is not valid", "isnt valid", "null mx", "not found", "cannot be found", "syntax error",
		},
		Matches: []string{"550 5.1.8 Domain not found", "550 5.1.7 Bad address syntax, host unknown", "553 5.1.8 Domain of sender has no MX record"},
		Rejects: []string{"550 5.1.2 Domain not found", "550 5.1.8 Access denied, bad outbound sender"},
	},
	{
		Name: "text-sender-syntax", Class: ClassDNSSender, Codes: []int{5},
		Contains: []string{"syntax*sender address", "sender address*syntax", "sender*character*local part", "domain literal*sender"},
		Matches:  []string{"501 Syntax error in sender address", "501 Sender address syntax error"},
		Rejects:  []string{"501 Syntax error in recipient address"},
	},
	{ // RFC 3463 3.2: the domain of the recipient, in the words of a wrong command
		Name: "text-domain-by-code", Class: ClassBadDomain, Codes: []int{5}, Enhanced: []string{"x.1.2"},
		Contains: []string{"syntax error", "recogni", "invalid argument", "illegal character", "invalid character", "not allowed"},
		Matches:  []string{"501 5.1.2 Syntax error"},
		Rejects:  []string{"501 5.5.2 Syntax error"},
	},
	{
		Name: "text-domain-syntax", Class: ClassBadDomain, Codes: []int{5}, Stages: []Stage{StageRcpt, StageDot},
		Contains: []string{
			"unrecognized domain", "unrecognised domain", "domain not recogni", "domain is not recogni", "domain literal*not allowed", "domain literal*not accepted", "domain literal*not permitted",
			"must contain a domain", "recipient address rejected need fully qualified", "need fully qualified recipient",
		},
		Matches: []string{
			"501 <a@[192.0.2.1]>: domain literals not allowed", "501 recipient address must contain a domain",
			"504 5.5.2 <a>: Recipient address rejected: need fully-qualified address",
		},
		Rejects: []string{"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname"},
	},
	{ // the same of the whole address
		Name: "text-address-by-code", Class: ClassBadMailbox, Codes: []int{5}, Enhanced: []string{"x.1.1", "x.1.3"},
		Contains: []string{"syntax error", "recogni", "invalid argument", "illegal character", "invalid character"},
		Matches:  []string{"501 5.1.3 Syntax error in mailbox address", "501 5.1.3 Invalid character(s) in local part"},
		Rejects:  []string{"501 5.5.4 Syntax error in parameters"},
	},
	{
		Name: "text-address-syntax", Class: ClassBadMailbox, Codes: []int{5}, Stages: []Stage{StageRcpt, StageDot},
		Contains: []string{
			"syntax error in recipient", "syntax error in address", "syntax error in mailbox", "address syntax error", "recipient*syntax error",
			"invalid character*local part", "illegal character*local part", "invalid character*address", "illegal character*address",
		},
		Matches: []string{"501 Syntax error in recipient address", "550 Invalid character in address"},
		Rejects: []string{"501 Syntax error in parameters or arguments", "550 5.6.0 Invalid character in header"},
	},
	{ // whatever was looked up
		Name: "text-lookup-failure", Class: ClassServerBusy, Codes: []int{4},
		Contains: []string{
			"lookup failure", "unable to perform", "unable to figure", "unable to look up", "could not look up",
			"temporary lookup", "temporary dns", "dns timeout", "dns not available", "dns*timed out", "dns lookup*temporar",
		},
		Matches: []string{"451 SPF lookup failure", "451 4.3.0 Temporary lookup error"},
		Rejects: []string{"450 4.7.1 IP name lookup failed"},
	},
	{ // a call-ahead is under way
		Name: "text-verifying-address", Class: ClassServerBusy, Codes: []int{4},
		Contains: []string{
			"verification in progress", "unverified address", "unable to verify", "could not verify", "cannot verify",
			"verify address", "verification failed*temporar", "address verification", "recipient verify", "callout",
		},
		Matches: []string{
			"450 4.1.1 <a@example.com>: Recipient address rejected: unverified address: Address verification in progress",
		},
		Rejects: []string{"450 4.1.1 User unknown"},
	},
	{ // whatever else it says of our address
		Name: "text-too-busy", Class: ClassServerBusy, Codes: []int{4},
		Contains: []string{"too busy", "server is busy", "system is busy", "currently busy"},
		Matches:  []string{"451 ESMTP MailEnable Service temporarily refused connection from IP (192.0.2.9) because the server is too busy."},
		Rejects:  []string{"550 too busy"},
	},
	{ // a call back to the sender's host, whose answer is quoted
		Name: "text-sender-callback", Class: ClassDNSSender, Codes: []int{5},
		Contains: []string{"sender verify failed", "postmaster verification failed", "sender verification failed", "sender callout"},
		Matches:  []string{"550-Postmaster verification failed while checking <a@example.com> 550-Response: 550 <postmaster@example.com>: User unknown"},
		Rejects:  []string{"550 Callout verification failed: 550 invalid recipient"},
	},
	{ // the directory of Exchange Online does not have it
		Name: "text-exchange-unknown-user", Class: ClassBadMailbox, Codes: []int{5}, Enhanced: []string{"x.4.1"},
		Contains: []string{"recipient address rejected", "recipient addresses rejected"},
		Matches:  []string{"550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"},
		Rejects:  []string{"550 5.7.1 Recipient address rejected: Access denied"},
	},
	{ // the reason stands behind what it explains
		Name: "text-disabled-reason", Class: ClassMailboxDisabled, Codes: []int{5},
		Contains: []string{"unavailable*disabled", "unavailable*terminated", "unavailable*suspended", "unavailable*frozen", "unavailable*inactive", "unavailable*deactivated", "log in to enable", "login to enable", "log in to reactivate", "login to reactivate"},
		Matches:  []string{"550 Message was not accepted -- invalid mailbox. Local mailbox a@example.com is unavailable: account is disabled"},
		Rejects:  []string{"550 invalid mailbox. Local mailbox a@example.com is unavailable: user not found"},
	},
	{
		Name: "text-unknown-user", Class: ClassBadMailbox,
		Contains: []string{
			"user unknown", "unknown user", "unknown email", "no such user", "no such mailbox", "no such recipient",
			"no such person", "no such account", "no such email", "no such local user", "no such id", "mailbox not found",
			"mail box not found", "mailbox unknown", "unknown mailbox", "unknown account", "unknown local",
			"user not found", "account not found", "user is unknown", "recipient is unknown", "recipient not found",
			"recipnotfound", "recipientnotfound", "addressee unknown", "unknown recipient", "recipient unknown",
			"unknown or illegal", "utilisateur inconnu", "destinataire inconnu", "destinatario desconocido",
			"usuario desconocido", "unbekannter", "empfaenger unbekannt", "utente sconosciuto", "inexistente",
			"nie istnieje", "existiert nicht", "invalid recipient", "recipient invalid", "invalid mailbox",
			"not a valid mailbox", "not a valid user", "not a known user", "not a valid recipient", "no valid recipients",
			"user does not exist", "user doesnt exist", "user not exist", "recipient does not exist",
			"recipient doesnt exist", "mailbox does not exist", "mailbox doesnt exist", "account does not exist",
			"account doesnt exist", "account that you tried to reach does not exist", "address does not exist",
			"address doesnt exist", "not our customer", "not our user", "not a customer", "badrcptto", "bad recipient",
			"recipients are invalid", "user path no exist", "bad destination mailbox", "unverified recipient",
			"no account by that name", "no mailbox here", "is not a registered", "not a member of domain",
			"not have an account", "nt have an account", "not have a user", "nt have a user", "not have a mailbox", "nt have a mailbox", "not have a mail box", "nt have a mail box", "validrcptto",
			"not in my validrcpt", "not have any user", "nt have any user", "account or domain may not exist",
		},
		Matches: []string{
			"550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in local table",
			"550 No such mailbox",
			"550 sorry, that recipient doesn't exist (#5.7.1)",
		},
		Rejects: []string{"550 5.2.1 mailbox disabled", "550 5.1.8 Domain of sender does not exist"},
	},
	{
		Name: "text-mailbox-full", Class: ClassMailboxFull,
		Contains: []string{
			"mailbox*full", "mailbox*quota", "mailbox*exceeded the limit", "mailbox*storage", "over quota", "overquota",
			"over its quota", "over their quota", "over the quota", "shutoffquota", "quota*full", "exceed*quota",
			"quota*exceeded", "quota violation", "out of quota", "quota limit", "storage full", "storage allocation",
			"exceeded*storage", "storage quota", "storage limit", "storage is full", "out of storage", "disk quota",
			"user*full", "account is full", "account full", "inbox is full", "inbox full", "mailbox has exceeded",
			"mailfolder is full", "maildir", "mailbox size", "mail box space", "mailbox exceeds", "space available", "boite*pleine", "buzon lleno", "casilla llena",
			"casella piena", "postfach*voll", "mailbox voll", "user has exhausted", "recipient*full", "blocks limit",
			"insufficient mailbox",
		},
		Matches: []string{
			"452 4.2.2 The mailbox of the user is full",
			"552 5.2.2 user is over quota",
			"552 Quota exceeded for a@example.com",
		},
		Rejects: []string{"550 mailbox unavailable", "452 4.3.1 system storage exhausted"},
	},
	{
		Name: "text-loop", Class: ClassLoop,
		Contains: []string{
			"mail loop", "routing loop", "loopback", "too many hops", "exceeded*hops", "hop count", "hops exceeded",
			"maximum hop", "loop detect", "loops back", "looping", "forwarding loop", "too many*received",
			"points back to", "loop to", "in a loop", "alias loop", "message loop", "delivery loop", "possible loop", " loops ", "address loop",
		},
		Matches: []string{"554 5.4.6 Too many hops", "554 5.4.6 The message is looping"},
		Rejects: []string{"554 too many errors"},
	},
	{
		Name: "text-message-too-large", Class: ClassMessageTooLarge,
		Contains: []string{
			"message size", "message is larger", "message larger", "mail size", "too large", "too big", "size limit",
			"sizelimit", "length exceeds", "databytes limit", "maximum size", "maximum message", "size exceeds",
			"size exceeded", "size of your message", "size of a header", "size of one of", "size of the header",
			"exceeds size", "exceeded*size", "attachment*too long", "message*too long", "mail*too long", "data*maximum threshold", "exceeds the maximum allowed", "number of attachments", "attachment size",
			"taille du message", "taille maximale", "message trop", "nachricht ist zu gro",
		},
		Matches: []string{"552 5.3.4 Message size exceeds fixed limit", "554 Your e-mail is too big for us"},
		Rejects: []string{"554 message refused", "552 5.2.2 mailbox full"},
	},
}
