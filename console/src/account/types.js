/**
 * Types of the API that these modules speak of. Amounts are texts, since every call asks for that.
 *
 * @typedef {import("../../types/api.js").components["schemas"]} Schemas
 * @typedef {Schemas["Entry"]} Entry
 * @typedef {Schemas["Account"]} Account
 * @typedef {Schemas["Grant"]} Grant
 * @typedef {Schemas["Hold"]} Hold
 * @typedef {Schemas["Limit"]} Limit
 * @typedef {Schemas["Quote"]} Quote
 * @typedef {Schemas["LineItem"]} LineItem
 */
export {};
