package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
	"regexp"
	"strings"
)

// nameRule is Docker's rule for the names of containers.
const nameRule = `[a-zA-Z0-9][a-zA-Z0-9_.-]`

// adjectives and surnames make the names of containers that got none: people
// of ships, harbours and seas.
var (
	adjectives = strings.Fields(`able afloat amber ample azure bold brave breezy bright brisk calm candid
		clear clever coastal cosy daring deft eager early fair faithful fleet fresh gallant gentle gilded
		glad golden handy hardy honest jolly keen kind lively loyal lucid mellow merry misty nimble noble
		patient placid plucky polite proud quick quiet ready robust sandy serene sharp silver sleek snug
		sober steady sturdy sunny swift tidal tidy trim trusty upbeat valiant vivid warm wise witty zesty`)
	surnames = strings.Fields(`amundsen baret barents beaufort bering blackwell bligh bowditch brunel cabot
		cartier champlain chichester cochrane colbert cook cousteau cunard dampier darwin drake ericson
		fitzroy flinders forester franklin frobisher fulton gama grenville halley harrison hawkins hudson
		joshua knox lovell macarthur magellan maury melville mercator merian nansen nares nelson
		newcomen ohlin parsons peral piccard plimsoll polo ptolemy raleigh ross rutgers sabine shackleton
		slocum stevenson tasman tabarly tupaia vancouver vespucci watt wegener weddell zheng`)
)

// nameOK matches whole names.
var nameOK = regexp.MustCompile(`^/?` + nameRule + `+$`)

// checkName refuses a name that cannot be typed on a command line.
func checkName(name string) error {
	if !nameOK.MatchString(name) {
		return invalid("Invalid container name (%s), only %s are allowed", name, nameRule)
	}
	return nil
}

// newName proposes a name; retries after the first get a digit.
func newName(retry int) string {
	name := pick(adjectives) + "_" + pick(surnames)
	if retry > 0 {
		name += string(rune('0' + random(10)))
	}
	return name
}

func pick(words []string) string { return words[random(len(words))] }

func random(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0 // crypto/rand does not fail on Linux
	}
	return int(i.Int64())
}

// newID is 64 random hex digits, the first twelve not all decimal: a short id
// that reads as a number would be refused as a host name.
func newID() string {
	for {
		var b [32]byte
		rand.Read(b[:])
		if id := hex.EncodeToString(b[:]); strings.ContainsAny(id[:12], "abcdef") {
			return id
		}
	}
}
