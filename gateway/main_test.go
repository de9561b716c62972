package gateway

import (
	"testing"

	"douyin.dev/services/platform/infratest"
)

func TestMain(m *testing.M) { infratest.Main(m) }
