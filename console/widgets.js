/**
 * Elements that any site can show to its own users, each with its own user's token:
 *
 *   <script type="module" src="https://…/console/widgets.js"></script>
 *   <millicent-balance token="…"></millicent-balance>
 *
 * The site must be one of the deployment's `ConsoleOrigins`. docs/console-widgets.md says more.
 */
import { Balance } from "./src/widgets/balance.js";
import { define } from "./src/widgets/element.js";
import { Entries } from "./src/widgets/entries.js";
import { Grants } from "./src/widgets/grants.js";
import { Usage } from "./src/widgets/usage.js";

export { provideToken } from "./src/widgets/element.js";

define("millicent-balance", Balance);
define("millicent-usage", Usage);
define("millicent-grants", Grants);
define("millicent-entries", Entries);
