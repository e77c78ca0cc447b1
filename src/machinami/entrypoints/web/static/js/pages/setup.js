import { show } from "./entry.js";

show({
  purpose: "setup",
  path: "/auth/setup",
  fields: [
    { name: "code", type: "text", autocomplete: "one-time-code", help: "entry.code.help" },
    { name: "name", type: "text", autocomplete: "username", help: "entry.name.help" },
    { name: "display_name", type: "text", autocomplete: "name", help: "entry.display_name.help" },
    { name: "password", type: "password", autocomplete: "new-password", help: "entry.password.help", minlength: 12 },
  ],
  done: () => location.assign("/"),
});
