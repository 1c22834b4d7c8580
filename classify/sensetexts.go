package classify

// limitSenses are the limits that a reply names by its shape.
var limitSenses = []Rule{
	{ // a pace that depends on a proof of the sender is not helped by waiting
		Name: "says-proof-reason", Class: ClassSenderAuth, says: &wanting{any: setOf(senseProof), of: setOf(senseTooFast), within: 90},
		Matches: []string{"421 4.7.40 Your email has been rate limited: DMARC is missing"},
		Rejects: []string{"421 rate limited"},
	},
	{
		Name: "says-tls-reason", Class: ClassTLS, says: &wanting{any: setOf(senseTLS), of: setOf(senseTooFast), within: 60, without: setOf(senseTooMany)},
		Matches: []string{"421 4.7.0 rate limited, as your client uses no TLS"},
		Rejects: []string{"421 too many new TLS sessions, throttled"},
	},
	{
		Name: "says-mailbox-rate", Class: ClassRecipientRateLimited, says: &wanting{limit: LimitMailboxRate},
		Matches: []string{"450 The person who has this address is receiving letters too fast"},
		Rejects: []string{"450 You are sending mail too fast"},
	},
	{
		Name: "says-messages-per-connection", Class: ClassConnectionMessageLimit, says: &wanting{limit: LimitMessagesPerConnection},
		Matches: []string{"452 Only 5 letters per session are taken"},
		Rejects: []string{"452 Too many errors in this session"},
	},
	{
		Name: "says-connection-rate", Class: ClassRateLimited, Limit: LimitConnectionRate, says: &wanting{limit: LimitConnectionRate},
		Matches: []string{"421 4.4.5 client mx [192.0.2.9] connections 61 exceed 60/60s"},
		Rejects: []string{"421 Too many connections"},
	},
	{
		Name: "says-recipient-rate", Class: ClassRateLimited, Limit: LimitRecipientRate, says: &wanting{limit: LimitRecipientRate},
		Matches: []string{"450 4.7.1 Too many rcpt per IP; try later"},
		Rejects: []string{"452 Too many rcpt"},
	},
	{ // the code of a message's length (RFC 3463 3.3), whoever has set the limit
		Name: "says-length-by-code", Class: ClassMessageTooLarge, Enhanced: []string{"x.2.3", "x.3.4"}, says: &wanting{limit: LimitRecipientsPerMessage},
		Matches: []string{"552 5.2.3 This exceeds the limit of the recipient"}, Rejects: []string{"452 4.5.3 Too many recipients"},
	},
	{
		Name: "says-recipients-per-message", Class: ClassTooManyRecipients, says: &wanting{limit: LimitRecipientsPerMessage},
		Matches: []string{"556 The number of RCPTs is over size"},
		Rejects: []string{"550 too many invalid recipients"},
	},
	{
		Name: "says-quota", Class: ClassRateLimited, Limit: LimitQuota, says: &wanting{limit: LimitQuota},
		Matches: []string{"550 User has exceeded outgoing email quota", "554 5.7.1 <DATA>: Data command rejected: only 10 messages per day"},
		Rejects: []string{"552 5.2.2 User has exceeded the quota"},
	},
	{ // Gmail's code for a mailbox that gets mail too fast
		Name: "says-mailbox-rate-by-code", Class: ClassRecipientRateLimited, Codes: []int{4}, Stages: []Stage{StageRcpt, StageDot, StageUnknown},
		Enhanced: []string{"x.2.1"}, says: &wanting{limit: LimitMessageRate},
		Matches: []string{"450 4.2.1 too much mail"}, Rejects: []string{"450 4.7.1 too much mail"},
	},
	{
		Name: "says-message-rate", Class: ClassRateLimited, says: &wanting{limit: LimitMessageRate},
		Matches: []string{"450 4.7.1 sorry, max 3 requests per 5 minutes"},
		Rejects: []string{"452 4.2.2 limit of the mailbox exceeded"},
	},
}

// meaningSenses are reasons that no text of the other rules has, in the words of
// any language of the lexicon.
var meaningSenses = []Rule{
	{
		Name: "says-greylisted", Class: ClassGreylisted, Later: true, says: &wanting{any: setOf(senseGrey)},
		Matches: []string{"450 Lista gris, intente mas tarde"}, Rejects: []string{"450 intente mas tarde"},
	},
	{
		Name: "says-mailbox-full", Class: ClassMailboxFull,
		says:    &wanting{any: setOf(senseUser), of: setOf(senseFull), within: 30, without: setOf(senseSending, senseConnection)},
		Matches: []string{"550 Quota is over for this user", "552 Почтовый ящик переполнен", "452 Скrzynka pelna, skrzynka uzytkownika jest pelna"},
		Rejects: []string{"552 system storage full"},
	},
	{
		Name: "says-mailbox-holds-too-many", Class: ClassMailboxFull,
		says:    &wanting{any: setOf(senseUser), of: setOf(senseTooMany), within: 14, without: ofSender | overTime | setOf(senseReceiving, senseMistake, senseRefused)},
		Matches: []string{"550 The user has too many letters on the server"}, Rejects: []string{"550 Too many errors"},
	},
	{
		Name: "says-disabled", Class: ClassMailboxDisabled, Stages: inTransaction,
		says:    &wanting{any: setOf(senseUser), of: setOf(senseDisabled), within: 24, without: setOf(senseLogin, senseSending, senseSender)},
		Matches: []string{"550 Cuenta suspendida", "550 SL E518 Disabled mailbox"},
		Rejects: []string{"550 Servicio suspendido"},
	},
	{
		Name: "says-unknown-sender", Class: ClassDNSSender, Codes: []int{5}, Stages: []Stage{StageMail},
		says:    &wanting{any: setOf(senseUser, senseDomain, senseSender), of: setOf(senseAbsent), within: 30, without: setOf(senseLogin)},
		Matches: []string{"550 Адрес не существует"}, Rejects: []string{"550 Адрес отклонен"},
	},
	{
		Name: "says-bad-domain", Class: ClassBadDomain, Codes: []int{5}, Stages: inTransaction,
		says:    &wanting{any: setOf(senseDomain), of: setOf(senseAbsent), within: 24, without: setOf(senseLogin, senseSender, senseUser, senseNames)},
		Matches: []string{"550 Domaine introuvable, non trovato"}, Rejects: []string{"550 Dominio rechazado"},
	},
	{
		Name: "says-bad-mailbox", Class: ClassBadMailbox, Codes: []int{5}, Stages: inTransaction,
		says:    &wanting{any: setOf(senseUser), of: setOf(senseAbsent), within: 30, without: setOf(senseLogin, senseSender, senseNames, senseProof, senseRelay)},
		Matches: []string{"550 Rule imposed mailbox access refused: user invalid", "550 用户不存在", "550 Такого пользователя не существует"},
		Rejects: []string{"550 用户被拒绝"},
	},
	{
		Name: "says-tls", Class: ClassTLS,
		says:    &wanting{any: setOf(senseTLS), of: setOf(senseMissing, senseFault, senseRefused), within: nearby},
		Matches: []string{"550 Es ist eine verschluesselte Verbindung erforderlich"}, Rejects: []string{"550 Verbindung erforderlich"},
	},
	{
		Name: "says-login", Class: ClassSMTPAuth,
		says:    &wanting{any: setOf(senseLogin), of: setOf(senseMissing, senseFault, senseRefused, senseAbsent), within: nearby, without: setOf(senseProof)},
		Matches: []string{"550 Требуется авторизация", "553 需要认证"}, Rejects: []string{"550 авторизация"},
	},
	{
		Name: "says-our-names", Class: ClassDNSSender, Later: true, Codes: []int{5},
		says:    &wanting{any: setOf(senseNames), of: setOf(senseMissing, senseFault, senseRefused, senseAbsent), within: nearby},
		Matches: []string{"550 Отсутствует обратная запись DNS"}, Rejects: []string{"550 abgelehnt"},
	},
	{
		Name: "says-relay-denied", Class: ClassRelayDenied,
		says:    &wanting{any: setOf(senseRelay), of: setOf(senseRefused), within: nearby, without: setOf(senseBlocked)},
		Matches: []string{"550 Relais non autorise"}, Rejects: []string{"550 non autorise"},
	},
	{
		Name: "says-too-large", Class: ClassMessageTooLarge, Codes: []int{5},
		says:    &wanting{any: setOf(senseLarge, senseOctets), of: setOf(senseExceed, senseCap, senseContent), within: nearby, without: setOf(senseBlocked, senseSpam)},
		Matches: []string{"554 Message rejected: Stream is more than 10485760 bytes long.", "552 El tamano del mensaje excede el limite"},
		Rejects: []string{"554 Message rejected"},
	},
	{
		Name: "says-spam", Class: ClassSpamContent, says: &wanting{any: setOf(senseSpam), without: setOf(senseClient)},
		Matches: []string{"550 rejected By DCC", "550 Письмо похоже на спам"}, Rejects: []string{"550 rejected"},
	},
	{
		Name: "says-content-refused", Class: ClassContentRejected, Codes: []int{5}, Stages: []Stage{StageData, StageBody, StageDot, StageUnknown},
		says:    &wanting{any: setOf(senseParts), of: setOf(senseRefused, senseBlocked, senseMissing), within: nearby, without: setOf(senseClient, senseUser, senseLogin, senseProof)},
		Matches: []string{"550 One of the words in your letter is blocked", "554 5.7.1 Blocked for content restrictions", "554 附件被拒绝"}, Rejects: []string{"550 letter blocked"},
	},
	{
		Name: "says-address-blocked", Class: ClassIPReputation,
		says:    &wanting{any: setOf(senseClient), of: setOf(senseBlocked, senseRefused), within: nearby, without: setOf(senseLogin, senseTLS)},
		Matches: []string{"450 4.7.1 Sender IP 192.0.2.9 is temporarily prohibited from sending", "550 Administrative prohibition - 192.0.2.9 banned", "553 5.7.0 IP REJECT"},
		Rejects: []string{"550 banned"},
	},
	{
		Name: "says-storage", Class: ClassInsufficientStorage, Codes: []int{4},
		says:    &wanting{any: setOf(senseSpace), of: setOf(senseFull, senseExceed), within: 24},
		Matches: []string{"452 Pas assez d'espace disque, no room"}, Rejects: []string{"452 no room"},
	},
}

// earlySenses are said before a message or a recipient has been named: what is blocked then
// is our address.
var earlySenses = []Rule{
	{
		Name: "says-blocked-early", Class: ClassIPReputation, Stages: []Stage{StageConnect, StageBanner, StageEHLO},
		says:    &wanting{any: setOf(senseBlocked), without: setOf(senseLogin, senseTLS, senseNames, senseProof)},
		Matches: []string{"550 [S10] Blocked", "421 Temporarily blocked"}, Rejects: []string{"550 refused"},
	},
}

// catchAll is the rule for all other texts that refuse.
var catchAll = []Rule{
	{
		Name: "says-later", Class: ClassServerBusy, Codes: []int{4}, vague: true, says: &wanting{any: setOf(senseLater, senseBusy, senseFault)},
		Matches: []string{"451 Fehler bei der Verarbeitung, spaeter erneut versuchen"}, Rejects: []string{"551 Fehler"},
	},
	{
		Name: "says-refused", Class: ClassPolicy, Codes: []int{5}, says: &wanting{any: setOf(senseRefused, senseBlocked)},
		Matches: []string{"550 Отклонено политикой сервера", "521 Block permanently (Sender Filtering)"}, Rejects: []string{"450 Отклонено"},
	}}
