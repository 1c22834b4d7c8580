package classify

import "testing"

// TestOneRecipientsAddress: what a server says at RCPT of the form of an address, or of its
// domain, is about that recipient for good, also in the codes and words of a wrong command.
func TestOneRecipientsAddress(t *testing.T) {
	for _, reply := range []string{
		"501 5.0.0 Invalid domain name", "501 Invalid domain name", "501 5.5.4 Invalid domain name", "500 Invalid domain", "555 Invalid domain", "553 Invalid domain", "550 Invalid domain",
		"501 5.1.2 bad domain", "501 5.1.2 no", "501 bad domain", "501 Malformed domain", "501 Illegal domain", "501 unrecognized domain", "550 Domain not recognised", "501 5.1.2 Syntax error",
		"501 <a@[192.0.2.1]>: domain literals not allowed", "501 recipient address must contain a domain",
		"501 5.1.3 no", "501 5.1.3 syntax error", "501 5.1.3 Bad recipient address syntax", "501 5.1.3 Syntax error in mailbox address", "501 5.1.3 Invalid character(s) in local part",
		"501 5.1.3 Unrecognized address", "501 5.1.1 Syntax error", "550 5.1.3 invalid argument", "501 5.1.4 no", "550 5.1.4 Address is ambiguous",
		"501 Invalid recipient address", "501 Invalid address", "501 Bad address", "501 Malformed address", "501 Bad recipient address syntax",
		"501 Syntax error in recipient address", "501 <a b@x.example>: syntax error in address", "501 Recipient address syntax error", "501 Illegal character in local part", "550 Invalid character in address",
		"504 5.5.2 <a>: Recipient address rejected: need fully-qualified address",
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageRcpt, r); v.Recipient != RecipientRefused || v.Class != ClassBadMailbox && v.Class != ClassBadDomain {
			t.Errorf("%s: %v, %v by %s", reply, v.Class, v.Recipient, v.Rule)
		}
	}
}

// TestWhatIsNotOneRecipients: the same words of the sender, of our name or of the command.
func TestWhatIsNotOneRecipients(t *testing.T) {
	for reply, want := range map[string]Class{
		"501 5.1.7 Bad sender address syntax":                                  ClassDNSSender,
		"501 5.1.7 syntax error in address":                                    ClassDNSSender,
		"501 Bad sender address syntax":                                        ClassDNSSender,
		"501 Syntax error in sender address":                                   ClassDNSSender,
		"501 Sender address syntax error":                                      ClassDNSSender,
		"501 Invalid sender domain":                                            ClassDNSSender,
		"504 5.5.2 <a>: Sender address rejected: need fully-qualified address": ClassDNSSender,
		"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname": ClassDNSSender,
		"501 Syntax error in parameters or arguments":                          ClassProtocol,
		"501 5.5.4 Invalid arguments":                                          ClassProtocol,
		"550 5.6.0 Invalid character in header":                                ClassContentRejected,
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageRcpt, r); v.Class != want {
			t.Errorf("%s: %v by %s, want %v", reply, v.Class, v.Rule, want)
		}
	}
}
