package trace

import (
	"net/url"
	"strings"
)

// Label spells an identifier shortly for people: the key's name, and what tells one from another.
func Label(id string) string {
	rest, ok := strings.CutPrefix(id, "https://id.gs1.org/")
	if !ok {
		if hash, ok := strings.CutPrefix(id, "ni:///sha-256;"); ok && len(hash) > 12 {
			return "event " + hash[:12] + "…"
		}
		return id
	}
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		if text, err := url.PathUnescape(p); err == nil {
			parts[i] = text
		}
	}
	names := map[string]string{"00": "SSCC", "01": "GTIN", "8003": "GRAI", "8004": "GIAI", "8006": "ITIP", "253": "GDTI", "255": "GCN", "8010": "CPI", "8018": "GSRN", "8017": "GSRN", "401": "GINC", "402": "GSIN", "414": "GLN", "417": "party"}
	qualifiers := map[string]string{"10": "lot", "21": "serial", "235": "serial", "254": "ext", "8011": "serial"}
	var b strings.Builder
	for i := 0; i+1 < len(parts); i += 2 {
		name := names[parts[i]]
		if i > 0 {
			name = qualifiers[parts[i]]
			b.WriteByte(' ')
		}
		if name == "" {
			name = "(" + parts[i] + ")"
		}
		b.WriteString(name + " " + parts[i+1])
	}
	return b.String()
}
