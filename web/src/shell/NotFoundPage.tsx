import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import { EmptyState } from "../ui/Status";

/** The answer to a path that leads nowhere. */
export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <EmptyState icon={Compass} title={t("failure.notFound")}>
      <Link to="/" className="font-medium text-accent">
        {t("nav.home")}
      </Link>
    </EmptyState>
  );
}
