package mount

import (
	"testing"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }
