package classify

// enhancedRules are the meanings of RFC 3463 and of IANA's registry of enhanced
// status codes, and of what providers have added, where the text said nothing.
var enhancedRules = []Rule{
	{
		Name: "enhanced-address-unknown", Class: ClassBadMailbox, Codes: []int{5}, Stages: []Stage{StageRcpt},
		Enhanced: []string{"x.1.0"},
		Matches:  []string{"550 5.1.0 no"}, Rejects: []string{"550 5.1.8 no"},
	},
	{ // x.1.10 is a null MX in RFC 7505, and any unknown recipient to Exchange Online
		Name: "enhanced-bad-mailbox", Class: ClassBadMailbox, Codes: []int{5},
		Enhanced: []string{"x.1.1", "x.1.3", "x.1.4", "x.1.6", "x.1.10", "x.1.351"},
		Matches:  []string{"550 5.1.1 no"}, Rejects: []string{"550 5.1.2 no"},
	},
	{
		Name: "enhanced-bad-mailbox-for-now", Class: ClassBadMailbox, Codes: []int{4},
		Enhanced: []string{"x.1.1"},
		Matches:  []string{"450 4.1.1 no"}, Rejects: []string{"450 4.1.2 no"},
	},
	{
		Name: "enhanced-bad-domain", Class: ClassBadDomain,
		Enhanced: []string{"x.1.2"},
		Matches:  []string{"550 5.1.2 no"}, Rejects: []string{"550 5.1.3 no"},
	},
	{
		Name: "enhanced-bad-sender", Class: ClassDNSSender,
		Enhanced: []string{"x.1.7", "x.1.8"},
		Matches:  []string{"553 5.1.8 no"}, Rejects: []string{"550 5.1.1 no"},
	},
	{ // a 4yz of an inactive mailbox is hardly ever one: Gmail says so of a mailbox that gets mail too fast
		Name: "enhanced-mailbox-rate", Class: ClassRecipientRateLimited, Codes: []int{4}, Stages: []Stage{StageRcpt, StageDot},
		Enhanced: []string{"x.2.1"},
		Matches:  []string{"450 4.2.1 not now"}, Rejects: []string{"550 5.2.1 no"},
	},
	{ // x.7.13: RFC 5248
		Name: "enhanced-mailbox-disabled", Class: ClassMailboxDisabled, Codes: []int{5},
		Enhanced: []string{"x.2.1", "x.7.13"},
		Matches:  []string{"550 5.2.1 no"}, Rejects: []string{"450 4.2.1 no"},
	},
	{
		Name: "enhanced-mailbox-full", Class: ClassMailboxFull,
		Enhanced: []string{"x.2.2"},
		Matches:  []string{"452 4.2.2 no"}, Rejects: []string{"452 4.2.3 no"},
	},
	{
		Name: "enhanced-message-too-large", Class: ClassMessageTooLarge,
		Enhanced: []string{"x.2.3", "x.3.4"},
		Matches:  []string{"552 5.3.4 no"}, Rejects: []string{"552 5.2.2 no"},
	},
	{ // Exchange Online, of a mailbox that gets more than 3,600 an hour
		Name: "enhanced-exchange-mailbox-rate", Class: ClassRecipientRateLimited,
		Enhanced: []string{"x.2.121", "x.2.122"},
		Matches:  []string{"554 5.2.121 no"}, Rejects: []string{"554 5.2.12 no"},
	},
	{
		Name: "enhanced-system-full", Class: ClassInsufficientStorage,
		Enhanced: []string{"x.3.1"},
		Matches:  []string{"452 4.3.1 no"}, Rejects: []string{"452 4.3.0 no"},
	},
	{ // Exchange Online
		Name: "enhanced-exchange-too-many", Class: ClassTooManyConnections,
		Enhanced: []string{"x.7.652"},
		Matches:  []string{"451 4.7.652 no"}, Rejects: []string{"451 4.7.650 no"},
	},
	{
		Name: "enhanced-system", Class: ClassServerBusy, Codes: []int{4},
		Enhanced: []string{"x.3.2", "x.3.3", "x.3.5", "x.4.3"},
		Matches:  []string{"451 4.3.2 no"}, Rejects: []string{"550 5.3.2 no"},
	},
	{ // RFC 3463 3.4: "other or undefined"
		Name: "enhanced-system-undefined", Class: ClassServerBusy, Codes: []int{4}, vague: true,
		Enhanced: []string{"x.3.0"},
		Matches:  []string{"451 4.3.0 no"}, Rejects: []string{"451 4.3.2 no"},
	},
	{
		Name: "enhanced-system-fault", Class: ClassServerBusy, Codes: []int{5},
		Enhanced: []string{"x.3.2", "x.3.5"},
		Matches:  []string{"554 5.3.5 no"}, Rejects: []string{"554 5.3.0 no"},
	},
	{
		Name: "enhanced-network", Class: ClassNetwork, Codes: []int{4},
		Enhanced: []string{"x.4.1", "x.4.2"},
		Matches:  []string{"421 4.4.2 no"}, Rejects: []string{"421 4.4.3 no"},
	},
	{
		Name: "enhanced-routing", Class: ClassBadDomain, Codes: []int{5},
		Enhanced: []string{"x.4.4"},
		Matches:  []string{"554 5.4.4 no"}, Rejects: []string{"554 5.4.5 no"},
	},
	{
		Name: "enhanced-routing-for-now", Class: ClassServerBusy, Codes: []int{4},
		Enhanced: []string{"x.4.4", "x.4.5"},
		Matches:  []string{"451 4.4.4 no"}, Rejects: []string{"451 4.4.6 no"},
	},
	{ // Google, of the day's sum
		Name: "enhanced-day-quota", Class: ClassRateLimited, Limit: LimitQuota, Codes: []int{5},
		Enhanced: []string{"x.4.5"},
		Matches:  []string{"550 5.4.5 no"}, Rejects: []string{"550 5.4.4 no"},
	},
	{
		Name: "enhanced-loop", Class: ClassLoop,
		Enhanced: []string{"x.4.6"},
		Matches:  []string{"554 5.4.6 no"}, Rejects: []string{"554 5.4.5 no"},
	},
	{
		Name: "enhanced-recipients", Class: ClassTooManyRecipients,
		Enhanced: []string{"x.5.3"},
		Matches:  []string{"452 4.5.3 no"}, Rejects: []string{"452 4.5.2 no"},
	},
	{
		Name: "enhanced-protocol", Class: ClassProtocol,
		Enhanced: []string{"5.5.x", "4.5.x"},
		Matches:  []string{"502 5.5.1 no"}, Rejects: []string{"502 5.4.1 no"},
	},
	{
		Name: "enhanced-content", Class: ClassContentRejected,
		Enhanced: []string{"x.6.x", "x.7.7"},
		Matches:  []string{"554 5.6.0 no"}, Rejects: []string{"554 5.7.1 no"},
	},
	{ // RFC 4954 6
		Name: "enhanced-login", Class: ClassSMTPAuth, Codes: []int{4, 530, 534, 535, 538},
		Enhanced: []string{"x.7.8", "x.7.9", "x.7.14"},
		Matches:  []string{"535 5.7.8 no"}, Rejects: []string{"550 5.7.9 no"},
	},
	{ // RFC 4954 6, under the code of something else
		Name: "enhanced-credentials", Class: ClassSMTPAuth,
		Enhanced: []string{"x.7.8"},
		Matches:  []string{"550 5.7.8 no"}, Rejects: []string{"550 5.7.9 no"},
	},
	{ // x.7.29: Google
		Name: "enhanced-tls", Class: ClassTLS,
		Enhanced: []string{"x.7.10", "x.7.11", "x.7.29"},
		Matches:  []string{"523 5.7.10 no"}, Rejects: []string{"550 5.7.1 no"},
	},
	{ // .20 to .26: RFC 7372; .30 to .40: Google
		Name: "enhanced-sender-auth", Class: ClassSenderAuth,
		Enhanced: []string{"x.7.20", "x.7.21", "x.7.22", "x.7.23", "x.7.24", "x.7.26", "x.7.30", "x.7.32", "x.7.40"},
		Matches:  []string{"550 5.7.26 no"}, Rejects: []string{"550 5.7.25 no"},
	},
	{ // RFC 7372 3.3, of our address
		Name: "enhanced-our-dns", Class: ClassDNSSender, Later: true,
		Enhanced: []string{"x.7.25"},
		Matches:  []string{"550 5.7.25 no"}, Rejects: []string{"550 5.7.27 no"},
	},
	{ // RFC 7505 4.2
		Name: "enhanced-sender-dns", Class: ClassDNSSender,
		Enhanced: []string{"x.7.27"},
		Matches:  []string{"550 5.7.27 no"}, Rejects: []string{"550 5.7.26 no"},
	},
	{ // Google
		Name: "enhanced-unusual-rate", Class: ClassRateLimited,
		Enhanced: []string{"x.7.28"},
		Matches:  []string{"421 4.7.28 no"}, Rejects: []string{"421 4.7.27 no"},
	},
	{ // Exchange Online
		Name: "enhanced-blocked-address", Class: ClassIPReputation,
		Enhanced: []string{"x.7.500", "x.7.550", "x.7.650", "x.7.651"},
		Matches:  []string{"550 5.7.650 no"}, Rejects: []string{"550 5.7.1 no"},
	},
}
