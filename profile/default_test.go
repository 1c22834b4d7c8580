package profile

import (
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

func TestDefaultHasASourceForEachFigure(t *testing.T) {
	for p := range Default().Profiles() {
		for i, f := range p.Figures {
			if f.Source == "" {
				t.Errorf("%s: figure %d has no source", p.Name, i+1)
			}
		}
		if len(p.Figures)+len(p.Help)+len(p.Forms)+len(p.Contacts)+len(p.Rules) == 0 {
			t.Errorf("%s: nothing is known of it", p.Name)
		}
		for _, page := range slices.Concat(p.Help, p.Forms) {
			if u, err := url.Parse(page); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
				t.Errorf("%s: %q is no page", p.Name, page)
			}
		}
		for _, contact := range p.Contacts {
			if a, err := mail.ParseAddress(contact); err != nil || a.Address != contact {
				t.Errorf("%s: %q is no address", p.Name, contact)
			}
		}
		for _, r := range p.Rules {
			if !strings.HasPrefix(r.Name, strings.ReplaceAll(p.Name, ".", "-")+"-") && p.Name != "yahoo.co.jp" && p.Name != "t-online.de" {
				t.Errorf("%s: rule %q has another's name", p.Name, r.Name)
			}
		}
	}
}

func TestDefaultKnows(t *testing.T) {
	s := Default()
	for domain, want := range map[string]string{
		"gmail.com": "google", "aol.com": "yahoo", "yahoo.co.jp": "yahoo.co.jp", "hotmail.com": "outlook", "icloud.com": "apple",
		"web.de": "gmx", "t-online.de": "t-online.de", "wanadoo.fr": "orange", "laposte.net": "laposte", "163.com": "netease",
		"foxmail.com": "qq", "comcast.net": "comcast", "socal.rr.com": "charter", "cox.net": "cox", "sbcglobal.net": "att",
		"bk.ru": "mail.ru", "example.net": "",
	} {
		if got := nameOf(s.ByDomain(domain)); got != want {
			t.Errorf("%s is at %q, want %q", domain, got, want)
		}
	}
	for host, want := range map[string]string{
		"gmail-smtp-in.l.google.com": "google", "mta5.am0.yahoodns.net": "yahoo", "mx-att.mail.am0.yahoodns.net": "att",
		"hotmail-com.olc.protection.outlook.com": "outlook", "example-com.mail.protection.outlook.com": "office365",
		"example-com.o-v1.mx.microsoft": "office365", "mx01.mail.icloud.com": "apple", "mx00.emig.gmx.net": "gmx",
		"mxa-00000001.gslb.pphosted.com": "proofpoint", "eu-smtp-inbound-1.mimecast.com": "mimecast",
		"inbound-smtp.us-east-1.amazonaws.com": "amazonses-inbound", "email-smtp.us-east-1.amazonaws.com": "",
		"cluster1.eu.messagelabs.com": "symantec", "mx1.example.net": "",
	} {
		if got := nameOf(s.ByMX(host)); got != want {
			t.Errorf("%s is %q, want %q", host, got, want)
		}
	}
	for host, want := range map[string]string{
		"email-smtp.eu-west-1.amazonaws.com": "amazonses per-message:50", "EMAIL-SMTP-FIPS.us-gov-west-1.amazonaws.com.": "amazonses per-message:50",
		"email-smtp.amazonaws.com": "", "email-smtp.a.b.amazonaws.com": "", "smtp.gmail.com": "gmail-submission per-message:100,quota:2000/d",
		"smtp-relay.gmail.com": "gmail-relay per-message:100,quota:10000/d", "smtp.office365.com": "office365-submission connections:3,rate:30/m",
		"smtp.sendgrid.net": "sendgrid per-connection:5000", "smtp.eu.mailgun.org": "mailgun per-connection:3",
		"smtp.postmarkapp.com": "postmark connections:10,per-message:50", "smtp-relay.brevo.com": "brevo ", "smtppro.zoho.eu": "zoho-submission per-message:150,quota:500/h",
		"ssl0.ovh.net": "ovh ", "pro1.mail.ovh.net": "ovh ", "smtp.strato.de": "strato ", "smtp.ionos.de": "ionos per-message:200,quota:500/h",
		"gmail-smtp-in.l.google.com": "", "mail.example.net": "",
	} {
		got := ""
		if p := Default().ByRelay(host); p != nil {
			got = p.Name + " " + p.Limits().String()
		}
		if got != want {
			t.Errorf("the relay %s is %q, want %q", host, got, want)
		}
	}
	if got := s.ByName("yahoo.co.jp").Limits().String(); got != "connections:2,rate:10/s,per-connection:20" {
		t.Errorf("limits of yahoo.co.jp are %s", got)
	}
}

// renamed maps other names in the table of providers to profiles; "" is for
// those that are no receivers.
var renamed = map[string]string{
	"(default)": "default", "yahoo/aol": "yahoo", "exchange server (on-prem)": "exchange", "mailgun smarthost": "mailgun",
	"gmx/web.de": "gmx", "netease 163/126": "netease", "charter/spectrum": "charter", "cloudmark CSI (Orange, Laposte, Comcast ...)": "cloudmark",
	"amazonses inbound": "amazonses-inbound", "trend micro": "trendmicro", "symantec/broadcom email security.cloud": "symantec",
	"cisco ESA": "cisco", "amazonses (as smarthost)": "amazonses", "sendgrid / sparkpost (as senders)": "sendgrid",
	"One Communications": "one-communications", "UT Austin (IronPort)": "ut-austin", "halon example: google": "google",
	"halon example: default": "default", "Haraka greylist (software)": "haraka", "postfix as server (software)": "postfix",
	"postfix as client (software)": "postfix",
}

// The table and the replies are those that the figures were taken from. They
// are no part of the project.
func corpus(t *testing.T, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "shared", "corpus", name))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows[1:]
}

func TestDefaultHasEveryProviderOfTheTable(t *testing.T) {
	for _, row := range corpus(t, "providers.tsv") {
		name, ok := renamed[row[0]]
		if !ok {
			name = strings.ToLower(strings.TrimSuffix(row[0], " (software)"))
		}
		p := Default().ByName(name)
		if p == nil {
			t.Errorf("there is no profile for %q", row[0])
			continue
		}
		if row[2] != "postmaster" {
			continue
		}
		for word := range strings.FieldsSeq(row[3]) {
			if strings.HasPrefix(word, "http") && !strings.Contains(strings.Join(slices.Concat(p.Help, p.Forms), " "), strings.TrimRight(word, "/;")) {
				t.Errorf("%s has no %s", p.Name, word)
			}
		}
	}
}

// A rule of a provider must not say something else of its replies than somebody
// who read them.
func TestDefaultRulesAgreeWithTheCorpus(t *testing.T) {
	classifier, err := classify.New(Default().Rules()...)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"orange/laposte": "orange", "microsoft": "outlook", "exchangeonline": "office365", "aol": "yahoo"}
	decided := 0
	for _, row := range corpus(t, "replies.tsv") {
		provider := row[3]
		if name, ok := names[provider]; ok {
			provider = name
		}
		if strings.Contains(row[6], "LPN") {
			provider = "laposte"
		}
		p := Default().ByName(provider)
		reply, err := classify.ParseReply(row[6])
		if p == nil || err != nil {
			continue
		}
		v := classifier.Of(classify.Input{Stage: classify.StageUnknown, Provider: provider}, reply)
		if !slices.ContainsFunc(p.Rules, func(r classify.Rule) bool { return r.Name == v.Rule }) {
			continue
		}
		decided++
		if v.Class.String() != row[4] && !strings.Contains(row[6], "SIZE=") { // two that were read as too large for that word
			t.Errorf("%s: rule %s says %v of %q, the corpus %s", provider, v.Rule, v.Class, row[6], row[4])
		}
	}
	t.Logf("%d replies decided by rules of their provider", decided)
}

// Every ceiling can be told to a Scheduler, alone and under the user's own.
func TestDefaultLimitsAreValid(t *testing.T) {
	config := throttle.Config{Destinations: map[string]throttle.Limits{}}
	for p := range Default().Profiles() {
		config.Destinations[p.Name] = Merge(throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: 1e9}}, p.Limits())
		if err := config.Destinations[p.Name].Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if _, err := throttle.New[int](config); err != nil {
		t.Error(err)
	}
}

func BenchmarkParseDefault(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(strings.NewReader(providers), "providers.toml"); err != nil {
			b.Fatal(err)
		}
	}
}
