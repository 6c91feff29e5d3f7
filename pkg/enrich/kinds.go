package enrich

import (
	_ "embed" // networks.txt
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
)

// networksText is the list of known networks; its head explains the format.
//
//go:embed networks.txt
var networksText string

// kinds tells what sort of network an autonomous system is.
type kinds struct {
	byASN  map[uint32]string
	byName []nameRule
	cache  *cache[network, string]
}

type nameRule struct {
	words string // " digital ocean ", lower case, framed by spaces; without the last space: a beginning
	kind  string
}

type network struct {
	asn uint32
	org string
}

func newKinds() *kinds {
	k, err := parseKinds(networksText)
	if err != nil {
		panic(err) // embedded, and tested
	}
	return k
}

func parseKinds(text string) (*kinds, error) {
	k := &kinds{byASN: map[uint32]string{}, cache: newCache[network, string](4096)}
	seen := map[string]bool{}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		kind := fields[0]
		if v, ok := wire.ParseNetworkKind(kind); !ok || v == event.NetUnknown || len(fields) < 2 {
			return nil, fmt.Errorf("networks.txt line %d: want a kind and what it matches", n+1)
		}
		if num, ok := strings.CutPrefix(fields[1], "AS"); ok && len(fields) == 2 {
			asn, err := strconv.ParseUint(num, 10, 32)
			if err == nil && asn > 0 {
				if k.byASN[uint32(asn)] != "" {
					return nil, fmt.Errorf("networks.txt line %d: AS%d is there twice", n+1, asn)
				}
				k.byASN[uint32(asn)] = kind
				continue
			}
		}
		pattern := strings.Join(fields[1:], " ")
		words := plain(strings.TrimSuffix(pattern, "*"))
		if strings.HasSuffix(pattern, "*") {
			words = strings.TrimSuffix(words, " ")
		}
		if len(strings.TrimSpace(words)) < 3 || seen[words] {
			return nil, fmt.Errorf("networks.txt line %d: name is too short or there twice", n+1)
		}
		seen[words] = true
		k.byName = append(k.byName, nameRule{words, kind})
	}
	return k, nil
}

// of is the kind of a network, "" when it is not known. The number decides before the name.
func (k *kinds) of(asn uint32, org string) string {
	if kind, ok := k.byASN[asn]; ok {
		return kind
	}
	if org == "" {
		return ""
	}
	key := network{asn, org}
	hash := xxhash.Sum64String(org) ^ mix(uint64(asn))
	if kind, ok := k.cache.get(hash, key); ok {
		return kind
	}
	key.org = strings.Clone(org)
	kind := k.named(org)
	k.cache.put(hash, key, kind)
	return kind
}

func (k *kinds) named(org string) string {
	words := plain(org)
	for _, r := range k.byName {
		if strings.Contains(words, r.words) {
			return r.kind
		}
	}
	return ""
}

// plain is the words of s in lower case with one space before, between and after them.
func plain(s string) string {
	var b strings.Builder
	b.WriteByte(' ')
	gap := true
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f {
			b.WriteRune(r)
			gap = false
		} else if r != '\'' && !gap {
			b.WriteByte(' ')
			gap = true
		}
	}
	if !gap {
		b.WriteByte(' ')
	}
	return b.String()
}
