package preflight

import (
	"strings"
	"testing"
)

// FuzzRecords reads any text as each of the records and as an MTA-STS policy, alone and
// in a whole Check.
func FuzzRecords(f *testing.F) {
	for _, one := range []string{
		"v=spf1 ip4:192.0.2.0/24 a:mail.example mx/24//64 include:%{d}.example redirect=x.example -all",
		"v=DKIM1; k=ed25519; p=AAAA", keyRecord(shortKey(1024)), "v=DMARC1; p=none; rua=mailto:a@b.example!10m,x; pct=101",
		"v=STSv1; id=20260101", "v=TLSRPTv1; rua=mailto:a@b.example,https://x.example/", "v=BIMI1; l=https://x.example/a.svg; a=",
		"version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\nmax_age: 86400\r\n", "v=spf1 +", "=", ";;;", "v=spf1 a:%{", "v=spf1 a//", "",
	} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseTags(text)
		parseKey(text)
		parseDMARC(text)
		parseSTSRecord(text)
		if p, err := parseSTSPolicy(text); err == nil {
			p.allows("mx.example.net")
		}
		parseTLSRPT(text)
		parseBIMI(text)
		if isSPF(text) {
			parseSPF(text)
		}
		w := hostileWorld(t, []string{text}, text)
		w.policy = testPolicy(200, text)
		for _, finding := range w.check() {
			checkFinding(t, finding)
			printableFinding(t, finding)
		}
	})
}

// FuzzMessage checks any text as a sample.
func FuzzMessage(f *testing.F) {
	f.Add(plainSample)
	f.Add("From: <\r\n\r\n")
	f.Add(strings.ReplaceAll(plainSample, "\r\n", "\n"))
	f.Add("DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=a; h=from; bh=; b=\r\nFrom: a@b.example\r\nList-Unsubscribe: <https:>\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		w := keptWorld(t)
		w.sender.Sample, w.sender.From, w.sender.DKIMSelector = []byte(text), "", ""
		w.options.Quick = true
		for _, finding := range w.check() {
			checkFinding(t, finding)
			printableFinding(t, finding)
		}
	})
}
