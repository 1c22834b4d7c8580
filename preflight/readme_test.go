package preflight

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/smtptest"
)

// neglectedWorld returns a sender that nobody has looked after for years.
func neglectedWorld(t testing.TB) *world {
	w := keptWorld(t)
	refused := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}})
	w.server("mx.neglected.example:25", smtptest.Config{Fault: refused})
	for name, z := range map[string]mockdns.Zone{
		"neglected.example": {TXT: []string{"v=spf1 a mx ptr include:gone.example ?all"}, A: []string{"198.51.100.80"},
			MX: []net.MX{{Host: "mx.neglected.example.", Pref: 10}, {Host: "old.neglected.example.", Pref: 20}}},
		"mx.neglected.example":                 {A: []string{"198.51.100.25"}},
		"default._domainkey.neglected.example": {TXT: []string{keyRecord(shortKey(1024)) + "; t=y"}},
		"_dmarc.neglected.example":             {TXT: []string{"v=DMARC1; p=none; rua=dmarc@neglected.example"}},
		"_mta-sts.neglected.example":           {TXT: []string{"v=STSv1; id=2019-01-01"}},
		"10.100.51.198.in-addr.arpa":           {PTR: []string{"198-51-100-10.dsl.net.example."}},
		"198-51-100-10.dsl.net.example":        {A: []string{"198.51.100.10"}},
		"10.100.51.198.bl.example":             {A: []string{"127.0.0.2"}},
	} {
		w.zones[name+"."] = z
	}
	w.sender = Sender{
		From: "news@neglected.example", Sources: []netip.Addr{netip.MustParseAddr("198.51.100.10")}, HELO: "localhost",
		DKIMSelector: "default",
		Sample:       []byte("From: news@neglected.example\r\nSubject: News\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"),
	}
	return w
}

// table returns the findings of both senders side by side.
func table(kept, neglected []Finding) string {
	var b strings.Builder
	b.WriteString("| finding | well-kept | neglected |\n| --- | --- | --- |\n")
	cell := func(found []Finding, id string) string {
		f, there := worstOf(found, id)
		switch {
		case !there:
			return ""
		case f.Level == OK || id == "bulk.complaints":
			return f.Level.String()
		}
		return f.Level.String() + ": " + printable.Text(f.Why, 100)
	}
	for _, k := range kinds {
		left, right := cell(kept, k.id), cell(neglected, k.id)
		if left+right != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.id, left, right)
		}
	}
	return b.String()
}

// TestReadmeTable compares the table of the README with what Check finds.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := table(keptWorld(t).check(), neglectedWorld(t).check()); !strings.Contains(string(text), want) {
		t.Errorf("the README must have\n%s", want)
	}
}
