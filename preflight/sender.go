package preflight

import (
	"context"
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// readAddresses finds the domains of the Sender.
func (r *run) readAddresses() {
	from := r.From
	if from == "" && r.Domain == "" && r.sample != nil {
		from = r.sample.value("from")
	}
	domain := r.Domain
	if from != "" {
		parsed, err := mail.ParseAddress(from)
		if err != nil {
			r.addressErr = errors.New("From is " + quote(from) + ", which is no address: want one such as news@example.com")
		} else {
			r.From = parsed.Address
			domain = parsed.Address[strings.LastIndexByte(parsed.Address, '@')+1:]
		}
	}
	r.domain, r.addressErr = domainOf(domain, r.addressErr)
	if given, err := asciiDomain(r.Domain); r.Domain != "" && r.domain != "" && (err != nil || given != r.domain) {
		r.addressErr = errors.New("Domain is " + quote(r.Domain) + ", but From is of " + quote(r.domain) + ": want one of them alone")
	}
	r.mailFrom, r.mailDomain = r.From, r.domain
	if parsed, err := mail.ParseAddress(r.MailFrom); r.MailFrom != "" && err == nil {
		r.mailFrom = parsed.Address
		r.mailDomain, r.addressErr = domainOf(r.mailFrom[strings.LastIndexByte(r.mailFrom, '@')+1:], r.addressErr)
	} else if r.MailFrom != "" {
		r.addressErr = errors.New("MailFrom is " + quote(r.MailFrom) + ", which is no address")
	}
	r.dkimDomain = r.domain
	if r.DKIMDomain != "" {
		r.dkimDomain, r.addressErr = domainOf(r.DKIMDomain, r.addressErr)
	}
}

// domainOf returns a domain in its normal form, and the first mistake.
func domainOf(domain string, earlier error) (string, error) {
	if earlier != nil && domain == "" {
		return "", earlier
	}
	ascii, err := asciiDomain(domain)
	if earlier != nil {
		err = earlier
	}
	return ascii, err
}

// asciiDomain returns a domain as DNS has it: A-labels, lower case, no dot at the end.
func asciiDomain(domain string) (string, error) {
	bare := strings.TrimSuffix(domain, ".")
	ascii, err := idna.Lookup.ToASCII(bare)
	if err != nil || !isAskable(ascii) || !strings.Contains(ascii, ".") || endsInNumber(ascii) {
		if domain == "" {
			return "", errors.New("no domain: want the From of the mail, or its Domain")
		}
		return "", errors.New("the domain " + quote(domain) + " is none that DNS can have: want one such as example.com")
	}
	return ascii, nil
}

// endsInNumber reports whether the last label of a name is a number, as in an IPv4
// address. No top-level domain is one (RFC 3696 2).
func endsInNumber(name string) bool {
	return strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "0123456789") == ""
}

// organizational returns the organizational domain of a domain (RFC 7489 3.2): the one
// below the public suffix. A public suffix is its own.
func organizational(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// freeMail are domains of mail providers at which anybody has an address. Most of them
// ask receivers to refuse mail in their name that they have not sent.
var freeMail = []string{
	"gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "rocketmail.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.co.jp", "yahoo.co.in", "yahoo.com.br", "yahoo.es", "yahoo.it",
	"aol.com", "aim.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "hotmail.it", "live.com", "msn.com", "passport.com", "outlook.de", "outlook.fr", "outlook.jp",
	"icloud.com", "me.com", "mac.com", "gmx.de", "gmx.net", "gmx.com", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "mail.ru", "bk.ru", "inbox.ru", "list.ru",
	"yandex.ru", "yandex.com", "ya.ru", "rambler.ru", "proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.com", "mail.com", "zoho.com", "fastmail.com",
	"qq.com", "163.com", "126.com", "yeah.net", "sina.com", "sohu.com", "naver.com", "daum.net", "hanmail.net", "rediffmail.com", "libero.it", "virgilio.it", "orange.fr", "laposte.net", "free.fr",
	"wp.pl", "o2.pl", "onet.pl", "interia.pl", "seznam.cz", "comcast.net", "verizon.net", "att.net", "sbcglobal.net", "btinternet.com", "bol.com.br", "uol.com.br", "terra.com.br",
}

// isFreeMail reports whether a domain is one of freeMail.
func isFreeMail(domain string) bool {
	for _, known := range freeMail {
		if domain == known {
			return true
		}
	}
	return false
}

// checkSender looks at the address itself.
func checkSender(_ context.Context, r *run) []Finding {
	f := finding("sender.address", "")
	switch {
	case r.addressErr != nil:
		f = f.is(Fail, "%v", r.addressErr).mend("Give an address of a domain of your own.")
	case isFreeMail(r.domain):
		f = freeMailFinding(f, r.domain)
	case isPublicSuffix(r.domain):
		f = f.is(Fail, "%s is a public suffix, below which anybody may register a domain: it has no organizational domain, so that nothing is aligned with it", r.domain).
			mend("Send from a domain that is registered below it.")
	default:
		f = f.is(OK, "%s is a domain of its own, of the organizational domain %s", r.domain, organizational(r.domain))
	}
	return []Finding{f}
}

// freeMailFinding says what is wrong with a From of a mail provider.
func freeMailFinding(f Finding, domain string) Finding {
	return f.is(Fail, "%s is a mail provider's domain: only its own servers can send mail that is aligned with it, and receivers refuse or file as spam what others send", domain).
		mend("Send from a domain of your own, and put the address at %s into Reply-To.", domain)
}

// isPublicSuffix reports whether anybody may register below a domain.
func isPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}
