package classify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
)

// An error tells its stage where it can occur at one only.
func TestStagesThatErrorsTell(t *testing.T) {
	reasons := map[mail.SendErrReason]Stage{
		mail.ErrConnCheck: StageIdle, mail.ErrSMTPMailFrom: StageMail, mail.ErrSMTPRcptTo: StageRcpt, mail.ErrSMTPData: StageData,
		mail.ErrWriteContent: StageBody, mail.ErrSMTPDataClose: StageDot, mail.ErrSMTPReset: StageRset,
		mail.ErrGetSender: StageUnknown, mail.ErrNoUnencoded: StageUnknown,
	}
	for reason, want := range reasons {
		if got := StageOf(fmt.Errorf("send: %w", &mail.SendError{Reason: reason})); got != want {
			t.Errorf("%v: got %v, want %v", reason, got, want)
		}
	}
	for name, test := range map[string]struct {
		err  error
		want Stage
	}{
		"nil":           {nil, StageUnknown},
		"no SendError":  {(*mail.SendError)(nil), StageUnknown},
		"dialling":      {fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: io.EOF}), StageConnect},
		"reading":       {&net.OpError{Op: "read", Err: io.EOF}, StageUnknown},
		"a name":        {&net.DNSError{Err: "no such host"}, StageConnect},
		"a certificate": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, StageConnect},
		"no TLS":        {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, StageBanner},
		"a reply":       {&textproto.Error{Code: 550, Msg: "no"}, StageUnknown},
		"an end":        {io.ErrUnexpectedEOF, StageUnknown},
	} {
		if got := StageOf(test.err); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// ReplyIn finds the reply in errors of many kinds, and none where digits are not one.
func TestRepliesInErrors(t *testing.T) {
	own := &Reply{Code: 452, Text: "later"}
	for name, test := range map[string]struct {
		err  error
		code int // 0 for none
	}{
		"nil":                        {nil, 0},
		"a reply":                    {own, 452},
		"wrapped":                    {fmt.Errorf("x: %w", own), 452},
		"of textproto":               {fmt.Errorf("x: %w", &textproto.Error{Code: 421, Msg: "4.3.2 bye"}), 421},
		"of no session":              {errors.New("no reply"), 0},
		"an end":                     {io.EOF, 0},
		"of go-mail while it writes": {&mail.SendError{Reason: mail.ErrWriteContent}, 0},
	} {
		got := 0
		if r := ReplyIn(test.err); r != nil {
			got = r.Code
		}
		if got != test.code {
			t.Errorf("%s: got %d, want %d", name, got, test.code)
		}
	}
}

// Small numbers are read in letters as well, in the languages that receivers write.
func TestNumbersInLetters(t *testing.T) {
	for word, want := range map[string]int64{
		"one": 1, "single": 1, "un": 1, "une": 1, "ein": 1, "eine": 1, "einen": 1, "uno": 1, "una": 1, "um": 1, "uma": 1,
		"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "twenty": 20, "fifty": 50, "hundred": 100,
		"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
		"thirty": 30, "forty": 40, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "seventy five": 75, "eighty nine": 89, "eighteen hundred": 1800,
		"seventeenth": 0, "eighties": 0, "teen": 0,
		"several": 0, "at": 0, "zero": 0, "ones": 0, "hundreds": 0, "e": 0, "universe": 0,
	} {
		for _, text := range []string{" " + word + " messages", " " + word} {
			found := numbersIn(make([]number, 0, 4), []byte(text))
			got := int64(0)
			if len(found) > 0 {
				got = found[0].value
			}
			if got != want || len(found) > 1 || len(found) == 1 && (found[0].from != 1 || found[0].to != 1+len(word)) {
				t.Errorf("%q: got %+v, want %d", text, found, want)
			}
		}
	}
}

// Numbers are read with their groups, parts, units and ratios, and what only looks like
// one is none.
func TestNumbersInDigits(t *testing.T) {
	const none = -1
	for text, want := range map[string]number{
		"100":           {value: 100},
		"0":             {value: 0},
		"02 x":          {value: none},
		"1 000 x":       {value: 1000},
		"100 000 000 x": {value: 100_000_000},
		"1.5mb":         {value: 1<<20 + 1<<19, octets: true},
		"1.25mb x":      {value: 1<<20 + 1<<18, octets: true},
		"1.125mb":       {value: none}, // or 1125 in German
		"1.000":         {value: 1000},
		"12.500 x":      {value: 12_500},
		"1.000.000 x":   {value: 1_000_000},
		"1.000.000.000": {value: none},
		"0.500":         {value: 0},
		"10 thousand x": {value: 10_000},
		"3万 x":          {value: 30_000},
		"51 of 50 x":    {value: 50, use: true},
		"1.1255mb":      {value: none},
		"1.2.3.4":       {value: none},
		"60/60s":        {value: 60, per: time.Minute},
		"100/h":         {value: 100, per: time.Hour},
		"100/2h":        {value: 100, per: 2 * time.Hour},
		"300/301":       {value: 301, use: true},
		"300/0":         {value: 300},
		"1234567890":    {value: 0},
		"123456789":     {value: 123456789},
	} {
		found := numbersIn(make([]number, 0, 4), []byte(" "+text))
		if want.value == none {
			if len(found) != 0 {
				t.Errorf("%q: got %+v, want no number", text, found)
			}
			continue
		}
		if len(found) == 0 {
			t.Errorf("%q: got no number", text)
			continue
		}
		got := found[0]
		got.from, got.to = 0, 0
		if got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
	if got := numbersIn(make([]number, 0, 2), []byte(" 1 and 2 and 3")); len(got) != 2 {
		t.Errorf("with room for two: got %+v", got)
	}
}

// No more rules are taken than can be told apart, and all of theirs mistakes are named.
func TestTooManyRules(t *testing.T) {
	rule := func(i int) Rule {
		return Rule{Name: "r-" + strconv.Itoa(i), Class: ClassPolicy, Codes: []int{554}, Pattern: "reason " + strconv.Itoa(i), Matches: []string{"554 reason " + strconv.Itoa(i)}, Rejects: []string{"554 x"}}
	}
	rules := make([]Rule, maxRules+1)
	if _, err := New(rules...); err == nil || err.Error() != fmt.Sprintf("classify: %d rules are given; at most %d may be", maxRules+1, maxRules) {
		t.Errorf("got %v, want too many", err)
	}
	if _, err := New(rule(1), rule(2)); err != nil {
		t.Errorf("two rules: %v", err)
	}
	if _, err := New(rule(1), rule(1)); err == nil {
		t.Error("two rules of one name are taken")
	}
}
