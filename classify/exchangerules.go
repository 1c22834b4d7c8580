package classify

import (
	"slices"
	"strconv"
)

// detailsBetween returns the enhanced codes that begin with a class and a subject,
// such as "x.7.", and have a detail of a range.
func detailsBetween(subject string, first, last int) (codes []string) {
	for detail := first; detail <= last; detail++ {
		codes = append(codes, subject+strconv.Itoa(detail))
	}
	return codes
}

// exchangeRules are the enhanced codes of Exchange Online, whose details of two or
// three digits nobody else uses ("Email non-delivery reports and SMTP errors in
// Exchange Online", Microsoft). They outrank the text, which most of them share.
var exchangeRules = []Rule{
	{ // the sender is not on a list of the recipient's organization, or of the wrong region
		Name: "enhanced-exchange-policy", Class: ClassPolicy,
		Enhanced: []string{"x.3.190", "x.4.62", "x.7.124", "x.7.133", "x.7.134", "x.7.135", "x.7.136", "x.7.703"},
		Matches:  []string{"550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35."},
		Rejects:  []string{"550 5.7.13 no"},
	},
	{ // the same of a whole organization; RFC 4954 6 has another meaning of 432 4.7.12
		Name: "enhanced-exchange-organization", Class: ClassPolicy, Codes: []int{550},
		Enhanced: []string{"5.7.12"},
		Matches:  []string{"550 5.7.12 RESOLVER.RST.SenderNotAuthenticatedByOrganization"}, Rejects: []string{"432 4.7.12 no"},
	},
	{ // no such recipient
		Name: "enhanced-exchange-recipient", Class: ClassBadMailbox, Codes: []int{5},
		Enhanced: []string{"x.7.504", "x.7.505"},
		Matches:  []string{"550 5.7.504 [a@example.com]: Recipient address rejected: Access denied", "550 5.7.505 Access denied, banned recipient"},
		Rejects:  []string{"550 5.7.507 no"},
	},
	{
		Name: "enhanced-exchange-relay", Class: ClassRelayDenied,
		Enhanced: []string{"x.7.64"},
		Matches:  []string{"550 5.7.64 TenantAttribution; Relay Access Denied"}, Rejects: []string{"550 5.7.6 no"},
	},
	{
		Name: "enhanced-exchange-login", Class: ClassSMTPAuth,
		Enhanced: []string{"x.7.57"},
		Matches:  []string{"530 5.7.57 Client was not authenticated to send anonymous mail during MAIL FROM"}, Rejects: []string{"550 5.7.5 no"},
	},
	{
		Name: "enhanced-exchange-loop", Class: ClassLoop,
		Enhanced: []string{"x.4.14"},
		Matches:  []string{"554 5.4.14 Hop count exceeded"}, Rejects: []string{"554 5.4.1 no"},
	},
	{ // RFC 8460 4.3 has the reasons
		Name: "enhanced-exchange-tls", Class: ClassTLS,
		Enhanced: []string{"x.7.321", "x.7.322", "x.7.323", "x.7.324", "x.7.325"},
		Matches:  []string{"450 4.7.322 certificate-expired"}, Rejects: []string{"450 4.7.32 no"},
	},
	{ // of a tenant, a sender or an address, in 24 hours
		Name: "enhanced-exchange-quota", Class: ClassRateLimited, Limit: LimitQuota, Scope: ScopeAccount,
		Enhanced: []string{"x.1.90", "x.7.230", "x.7.231", "x.7.232", "x.7.233"},
		Matches:  []string{"550 5.1.90 no"}, Rejects: []string{"550 5.1.9 no"},
	},
	{
		Name: "enhanced-exchange-address-rate", Class: ClassRateLimited,
		Enhanced: []string{"x.7.508"},
		Matches:  []string{"550 5.7.508 Access denied, 192.0.2.9 has exceeded permitted limits"}, Rejects: []string{"550 5.7.509 no"},
	},
	{
		Name: "enhanced-exchange-helo", Class: ClassDNSSender, Later: true,
		Enhanced: []string{"x.7.506"},
		Matches:  []string{"550 5.7.506 no"}, Rejects: []string{"550 5.7.507 no"},
	},
	{
		Name: "enhanced-exchange-content", Class: ClassContentRejected,
		Enhanced: []string{"x.1.20", "x.7.512"},
		Matches:  []string{"550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant"}, Rejects: []string{"550 5.1.2 no"},
	},
	{ // the sender's account or tenant is banned
		Name: "enhanced-exchange-account", Class: ClassSMTPAuth, Scope: ScopeAccount,
		Enhanced: []string{"x.7.501", "x.7.502", "x.7.503", "x.7.705", "x.7.706", "x.7.707", "x.7.750"},
		Matches:  []string{"550 5.7.705 Access denied, tenant has exceeded threshold"}, Rejects: []string{"550 5.7.708 no"},
	},
	{ // 510: the recipient takes no mail over IPv6, but may over IPv4
		Name: "enhanced-exchange-address", Class: ClassIPReputation,
		Enhanced: slices.Concat([]string{"x.7.507", "x.7.510", "x.7.511", "x.7.513", "x.7.708"}, detailsBetween("x.7.", 606, 649)),
		Matches: []string{
			"550 5.7.606 Access denied, banned sending IP [192.0.2.9]", "550 5.7.708 Access denied, traffic not accepted from this IP",
			"550 5.7.510 Access denied, example.com does not accept email over IPv6",
		},
		Rejects: []string{"550 5.7.60 no"},
	},
	{
		Name: "enhanced-exchange-proof", Class: ClassSenderAuth,
		Enhanced: []string{"x.7.509", "x.7.515"},
		Matches:  []string{"550 5.7.509 Access denied, sending domain does not pass DMARC verification"}, Rejects: []string{"550 5.7.510 no"},
	},
	{
		Name: "enhanced-exchange-domain", Class: ClassBadDomain, Codes: []int{5},
		Enhanced: []string{"x.4.310", "x.4.312"},
		Matches:  []string{"550 5.4.310 DNS domain example.com does not exist"}, Rejects: []string{"450 4.4.312 no"},
	},
	{
		Name: "enhanced-exchange-network", Class: ClassNetwork, Codes: []int{4},
		Enhanced: []string{"x.4.312", "x.4.315", "x.4.316", "x.4.317", "x.4.318"},
		Matches:  []string{"450 4.4.317 Cannot connect to remote server"}, Rejects: []string{"450 4.4.31 no"},
	},
	{ // "4.7.500-699" and "4.7.850-899": what an address does is suspicious
		Name: "enhanced-exchange-suspicion", Class: ClassIPReputation, Codes: []int{4},
		Enhanced: slices.DeleteFunc(slices.Concat(detailsBetween("4.7.", 500, 699), detailsBetween("4.7.", 850, 899)), func(code string) bool { return code == "4.7.652" }),
		Matches:  []string{"451 4.7.500 no", "451 4.7.850 no", "451 4.7.899 no", "451 4.7.860 Access denied, please try again later"},
		Rejects:  []string{"451 4.7.652 no", "451 4.7.700 no", "451 4.7.849 no", "451 4.7.900 no"},
	},
}
