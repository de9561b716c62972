package user

import (
	"strings"
	"testing"
)

func TestAServiceSaysWhichDependenciesItNeeds(t *testing.T) {
	t.Parallel()
	if _, err := New(Deps{}); err == nil || !strings.Contains(err.Error(), "user service needs") {
		t.Errorf("without dependencies: %v", err)
	}
}
